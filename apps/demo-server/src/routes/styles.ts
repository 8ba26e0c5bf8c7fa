/** `GET` and `PUT /api/style(s)`: which style runs what, and the swap of the active one. */
import type { FastifyInstance } from 'fastify'
import type { Context } from '../context.ts'
import { invalid } from '../problem.ts'
import { lanesResponse, problemResponse } from '../schemas.ts'

export function addStyleRoutes(app: FastifyInstance, { lanes, echo }: Context): void {
  const response = { 200: lanesResponse, default: problemResponse }

  function report() {
    const { styles, ...rest } = lanes.report()
    return { ...rest, styles: styles.map((one) => ({ ...one, echo: echo?.addressOf(one.name) ?? null })) }
  }

  app.get(
    '/api/styles',
    {
      schema: {
        summary: 'The styles, the active one, what is draining, and the exhibits.',
        tags: ['styles'],
        response,
      },
    },
    report,
  )

  app.put<{ Body: { style: string } }>(
    '/api/style',
    {
      schema: {
        summary: 'Swaps the active style for the runs that start from now on.',
        tags: ['styles'],
        body: {
          type: 'object',
          required: ['style'],
          properties: { style: { enum: lanes.names } },
          additionalProperties: false,
        },
        response,
      },
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
