/** `GET /api/events`: the calls as they start, end, are cancelled and stopped. */
import type { FastifyInstance } from 'fastify'
import { traceIdPattern } from '../audiences.ts'
import type { Context } from '../context.ts'
import { type Parameter, matching } from '../parameters.ts'
import { closing, unavailable } from '../problem.ts'
import { createRunQuery } from '../run-query.ts'
import { problemResponse, textResponse } from '../schemas.ts'

const query = createRunQuery({
  trace: {
    expected: 'the id of a trace: 32 hexadecimal digits in lower case, not all of them 0',
    schema: {
      type: 'string',
      pattern: traceIdPattern,
      description:
        'Only the runs whose requests bear this trace-id in their `traceparent` (W3C Trace Context).',
    },
    fallback: null,
    parse: matching(new RegExp(traceIdPattern)),
  } satisfies Parameter<string | null>,
})

export function addEventRoute(app: FastifyInstance, { audiences, runs }: Context): void {
  app.get(
    '/api/events',
    {
      // The handler reads the query itself, as the runs do.
      validatorCompiler: () => () => true,
      schema: {
        summary: 'The runs and their calls as they happen.',
        description: [
          '`event: run`: `{ run, scenario, style, event, atMs }`, where `event` is started, succeeded, failed or cancelled.',
          '`event: call`: the same with `call` and its number `id`, where `event` may also be sent, answering (of a',
          'request: the head of its answer has come) or, after cancelled, stopped.',
          '`atMs` counts from the start of the run. What its calls do after the run has settled is told as well.',
          'With `trace`, each event has the `parentId` of its request besides, and no other run is watched for this',
          'listener. Whoever has received the head of the answer hears of every run that begins from then on.',
        ].join('\n'),
        tags: ['runs'],
        querystring: query.schema,
        response: { 200: textResponse('text/event-stream', 'Server-sent events.'), default: problemResponse },
      },
    },
    (request, reply) => {
      if (runs.closing) throw closing()
      if (request.method === 'HEAD') return reply.type('text/event-stream').send()
      const { trace } = query.read(request.query)
      if (audiences.full) throw unavailable('As many clients are listening as can be served.')
      reply.hijack()
      audiences.listen(reply.raw, trace)
      return reply
    },
  )
}
