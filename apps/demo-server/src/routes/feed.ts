/**
 * `/api/feed`: the same messages in four ways. A client asks from time to time (polling), asks and waits (long
 * polling), or follows, over server-sent events or a WebSocket. With the id of the last message that it has, it goes
 * on in any of them where it was.
 */
import type { ServerResponse } from 'node:http'
import type { Message } from '@overlap/workload'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { events } from '../answers.ts'
import type { Context } from '../context.ts'
import type { FeedReader } from '../feed-log.ts'
import type { FeedValues } from '../feed.ts'
import { PAGE } from '../follow.ts'
import { EventStream } from '../outlets.ts'
import { type Parameter, channel, messageId } from '../parameters.ts'
import { closing, invalid } from '../problem.ts'
import type { Run } from '../run.ts'
import { ClientLeftError } from '../runs.ts'
import { feedResponse, problemResponse } from '../schemas.ts'

/** Postgres takes no longer one. */
const TEXT_BYTES = 7999

const lastEventId = messageId('')

const text: Parameter<string> = {
  expected: `at most ${TEXT_BYTES} bytes in UTF-8, without U+0000`,
  // No more than that, because Ajv counts characters.
  schema: { type: 'string', description: `At most ${TEXT_BYTES} bytes in UTF-8, without U+0000.` },
  fallback: undefined,
  parse: (value) => (Buffer.byteLength(value) > TEXT_BYTES || value.includes('\0') ? undefined : value),
}

export function addFeedRoutes(app: FastifyInstance, { feed, port, runs }: Context): void {
  app.get(
    '/api/feed',
    {
      schema: {
        summary: 'The messages of channels, at once or as they come.',
        description: [
          'Answers with what came after `after`; with `waitMs`, waits for a message if there is none.',
          'If `text/event-stream` is accepted, follows: `id`, and `data: { channel, text }`. `Last-Event-ID` stands for `after`.',
          'A WebSocket follows too: each message is a text frame, `{ id, channel, text }`.',
          'The `text` is `null` where messages may have been missed.',
        ].join('\n'),
        tags: ['feed'],
        querystring: feed.query.schema,
        response: { 200: feedResponse, default: problemResponse },
      },
      // The handler reads the query itself, as the runs do, and as a WebSocket must.
      validatorCompiler: () => () => true,
    },
    async (request, reply) => {
      const values = readValues(request)
      const follows = request.headers.accept?.includes(events.contentType) === true
      void reply.header('vary', 'accept').header('cache-control', 'no-store')
      if (request.method === 'HEAD')
        return reply.type(follows ? events.contentType : 'application/json').send()
      const reader = await feed.read(values)
      try {
        return follows ? stream(reply, reader, values) : await answer(reply, reader, values)
      } catch (error) {
        reader.close()
        // Nobody is there to be told.
        if (error instanceof ClientLeftError) return reply.hijack()
        throw error
      }
    },
  )

  app.post<{ Params: { channel: string }; Body: { text: string } }>(
    '/api/feed/:channel',
    {
      schema: {
        summary: 'Sends a message to a channel.',
        tags: ['feed'],
        params: {
          type: 'object',
          properties: { channel: { type: 'string', description: channel.expected } },
        },
        body: {
          type: 'object',
          required: ['text'],
          properties: { text: text.schema },
          additionalProperties: false,
        },
        response: { 204: { description: 'It has been sent.', type: 'null' }, default: problemResponse },
      },
    },
    async ({ params, body }, reply) => {
      const errors = [...check('channel', channel, params.channel), ...check('text', text, body.text)]
      if (errors.length > 0) throw invalid(errors)
      if (runs.closing) throw closing()
      await port.notify(params.channel, body.text)
      return reply.code(204).send()
    },
  )

  function readValues({ query, headers }: FastifyRequest): FeedValues {
    const values = feed.query.read(query)
    const received = headers['last-event-id']
    if (typeof received !== 'string' || received === '') return values
    const errors = check('Last-Event-ID', lastEventId, received)
    if (errors.length > 0) throw invalid(errors)
    // Who reconnects asks for the same URL again: of the two, the header is the newer.
    return { ...values, after: received }
  }

  async function answer(reply: FastifyReply, reader: FeedReader, values: FeedValues) {
    let messages = reader.take(PAGE)
    if (messages.length === 0 && values.waitMs > 0) {
      const run = feed.createRun(values)
      cancelOnClose(run, reply.raw)
      messages = await feed.next(reader, values, run)
    }
    reader.close()
    if (runs.closing) void reply.header('connection', 'close')
    return { messages: messages.map(toJson), last: feed.log.idOf(reader.position) }
  }

  function stream(reply: FastifyReply, reader: FeedReader, values: FeedValues): FastifyReply {
    const run = feed.createRun(values)
    const { raw } = reply
    cancelOnClose(run, raw)
    reply.hijack()
    const outlet = new EventStream(raw, feed)
    raw.once('close', feed.followers.add(outlet))
    // What is written between a break and its `close` goes nowhere, and that is no defect.
    raw.on('error', () => {})
    outlet.begin(reader.position)
    void feed.follow(reader, values, run, outlet)
    return reply
  }

  const toJson = ({ id, channel: name, text: sent }: Message) => ({
    id: feed.log.idOf(id),
    channel: name,
    text: sent,
  })
}

/** Throws when it has closed already. */
function cancelOnClose(run: Run, response: ServerResponse): void {
  if (response.destroyed) throw new ClientLeftError('the client has left')
  response.once('close', () => {
    if (!run.settled) run.cancel(new ClientLeftError('the client has left'))
  })
}

function check(field: string, { expected, parse }: Parameter<unknown>, received: string) {
  return parse(received) === undefined ? [{ field, expected, received }] : []
}
