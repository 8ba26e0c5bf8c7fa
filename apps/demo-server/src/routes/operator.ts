/** What an operator expects: liveness, readiness, metrics and the description of the routes. */
import type { FastifyInstance } from 'fastify'
import type { Context } from '../context.ts'
import { closing, unavailable } from '../problem.ts'
import { problemResponse, textResponse } from '../schemas.ts'

const statusResponse = {
  description: 'It is so.',
  type: 'object',
  required: ['status'],
  properties: { status: { type: 'string' } },
}

export function addOperatorRoutes(app: FastifyInstance, { readiness, runs, metrics }: Context): void {
  app.get(
    '/livez',
    {
      schema: {
        summary: 'Whether the event loop turns.',
        tags: ['operator'],
        response: { 200: statusResponse, default: problemResponse },
      },
    },
    () => ({ status: 'alive' }),
  )

  app.get(
    '/readyz',
    {
      schema: {
        summary: 'Whether Postgres and the reservation service answer, and nothing is closing.',
        tags: ['operator'],
        response: { 200: statusResponse, default: problemResponse },
      },
    },
    async () => {
      if (runs.closing) throw closing()
      if (!(await readiness.isReady()))
        throw unavailable('Postgres or the reservation service does not answer.')
      return { status: 'ready' }
    },
  )

  app.get(
    '/metrics',
    {
      schema: {
        summary: 'Metrics for Prometheus.',
        tags: ['operator'],
        response: { 200: textResponse('text/plain', 'Text exposition format.'), default: problemResponse },
      },
    },
    async (_request, reply) =>
      reply.type(metrics.registry.contentType).send(await metrics.registry.metrics()),
  )

  let description: string | undefined
  app.get(
    '/openapi.json',
    {
      schema: {
        summary: 'This description.',
        tags: ['operator'],
        response: { 200: { description: 'OpenAPI 3.1.', type: 'object' }, default: problemResponse },
      },
    },
    (_request, reply) => {
      description ??= JSON.stringify(app.swagger())
      return reply.type('application/json; charset=utf-8').send(description)
    },
  )
}
