/**
 * `GET` and `PUT /api/style(s)`: which style runs what, and the swap of the active one.
 *
 * The swap is the one thing that a client can change for others. With an admin token configured it needs
 * the token. Without one the server listens on this machine only, and the request must be addressed to
 * this machine by name: a web page elsewhere that makes its own name point here is turned away.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Context } from '../context.ts'
import { isLoopback } from '../environment.ts'
import { Problem, invalid } from '../problem.ts'
import { lanesResponse, problemResponse } from '../schemas.ts'

export function addStyleRoutes(app: FastifyInstance, { lanes, adminToken, echo }: Context): void {
  const response = { 200: lanesResponse, default: problemResponse }
  const authorize = adminToken === undefined ? requireLoopback : requireToken(adminToken)

  function report() {
    const { active, styles } = lanes.report()
    return { active, styles: styles.map((one) => ({ ...one, echo: echo?.addressOf(one.name) ?? null })) }
  }

  app.get(
    '/api/styles',
    { schema: { summary: 'The styles, the active one, and what is draining.', tags: ['styles'], response } },
    report,
  )

  app.put<{ Body: { style: string } }>(
    '/api/style',
    {
      schema: {
        summary: 'Swaps the active style for the runs that start from now on.',
        tags: ['styles'],
        security: adminToken === undefined ? [] : [{ adminToken: [] }],
        body: {
          type: 'object',
          required: ['style'],
          properties: { style: { enum: lanes.names } },
          additionalProperties: false,
        },
        response,
      },
      // Before the body is read.
      onRequest: (request, _reply, done) => done(authorize(request)),
    },
    ({ body: { style } }) => {
      const lane = lanes.get(style)
      if (!lane)
        throw invalid([{ field: 'style', expected: `one of ${lanes.names.join(', ')}`, received: style }])
      lanes.active = lane
      return report()
    },
  )
}

function requireToken(token: string) {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  const expected = digest(`Bearer ${token}`)
  return ({ headers: { authorization = '' } }: FastifyRequest): Problem | undefined =>
    timingSafeEqual(digest(authorization.replace(/^bearer +/i, 'Bearer ')), expected)
      ? undefined
      : new Problem(401, 'This needs the admin token: Authorization: Bearer <token>.', {
          headers: { 'www-authenticate': 'Bearer realm="overlap"' },
        })
}

function requireLoopback({ hostname }: FastifyRequest): Problem | undefined {
  return isLoopback(hostname.replace(/^\[(.*)\]$/, '$1').toLowerCase())
    ? undefined
    : new Problem(421, 'This needs a Host header that names this machine: 127.0.0.1, localhost or [::1].')
}
