/**
 * Who may change something for others. With an admin token configured that needs the token. Without one the
 * server listens on this machine only, and the request must be addressed to this machine by name: a web page
 * elsewhere that makes its own name point here is turned away.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { isLoopback } from './environment.ts'
import { Problem } from './problem.ts'

interface Authority {
  /** For the schema of a route. */
  readonly security: Record<string, string[]>[]
  /** A hook for before the body is read: answers with 401 or 421. */
  readonly onRequest: (request: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void) => void
}

export function createAuthority(adminToken: string | undefined): Authority {
  const authorize = adminToken === undefined ? requireLoopback : requireToken(adminToken)
  return {
    security: adminToken === undefined ? [] : [{ adminToken: [] }],
    onRequest: (request, _reply, done) => done(authorize(request)),
  }
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
