/** `GET /api/events`: the calls of all runs as they start, end, are cancelled and stopped. */
import type { FastifyInstance } from 'fastify'
import type { Context } from '../context.ts'
import { closing, unavailable } from '../problem.ts'
import { problemResponse, textResponse } from '../schemas.ts'

export function addEventRoute(app: FastifyInstance, { hub, runs }: Context): void {
  app.get(
    '/api/events',
    {
      schema: {
        summary: 'The runs and their calls as they happen.',
        description: [
          '`event: run`: `{ run, scenario, style, event, atMs }`, where `event` is started, succeeded, failed or cancelled.',
          '`event: call`: the same with `call`, where `event` may also be sent or, after cancelled, stopped.',
          '`atMs` counts from the start of the run.',
        ].join('\n'),
        tags: ['runs'],
        response: { 200: textResponse('text/event-stream', 'Server-sent events.'), default: problemResponse },
      },
    },
    (request, reply) => {
      if (runs.closing) throw closing()
      if (request.method === 'HEAD') return reply.type('text/event-stream').send()
      if (hub.full) throw unavailable('As many clients are listening as can be served.')
      reply.hijack()
      hub.listen(reply.raw)
      return reply
    },
  )
}
