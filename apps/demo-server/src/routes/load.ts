/** `/api/load`: load on this server's own runs, and what comes of it. */
import type { AddressInfo } from 'node:net'
import { loadLimits } from '@overlap/load/order'
import type { FastifyInstance } from 'fastify'
import type { Context } from '../context.ts'
import type { LoadControl } from '../load-control.ts'
import { orderSchema, readOrder } from '../load-order.ts'
import { closing, unavailable } from '../problem.ts'
import { loadResponse, problemResponse, textResponse } from '../schemas.ts'

export function addLoadRoutes(app: FastifyInstance, { runs }: Context, load: LoadControl): void {
  const response = { 200: loadResponse, default: problemResponse }

  app.get(
    '/api/load',
    { schema: { summary: 'The load, and what has come of it so far.', tags: ['load'], response } },
    () => load.state,
  )

  app.post(
    '/api/load',
    {
      schema: {
        summary: 'Puts load on runs of this server.',
        description: [
          `For ${loadLimits.seconds} s at most, over ${loadLimits.connections} connections at most, or with`,
          `${loadLimits.perSecond} requests a second at most; and one at a time. The runs must answer within`,
          `${loadLimits.answerMs} ms when nothing else runs: they are tried first, once in each style.`,
        ].join(' '),
        tags: ['load'],
        body: orderSchema,
        response: { 202: loadResponse, default: problemResponse },
      },
      validatorCompiler: () => () => true,
    },
    async ({ body }, reply) => {
      const order = readOrder(body)
      if (runs.closing) throw closing()
      reply.code(202)
      return load.start(order, baseOf(app))
    },
  )

  app.delete(
    '/api/load',
    { schema: { summary: 'Stops the load, if there is one.', tags: ['load'], response } },
    async () => {
      await load.stopLoad()
      return load.state
    },
  )

  app.get(
    '/api/load/events',
    {
      schema: {
        summary: 'The same as it changes, about five times a second.',
        description: '`event: load`, with what `GET /api/load` answers as its data.',
        tags: ['load'],
        response: { 200: textResponse('text/event-stream', 'Server-sent events.'), default: problemResponse },
      },
    },
    (request, reply) => {
      if (runs.closing) throw closing()
      if (request.method === 'HEAD') return reply.type('text/event-stream').send()
      if (load.hub.full) throw unavailable('As many clients are listening as can be served.')
      reply.hijack()
      load.hub.listen(reply.raw)
      // For those who come later than it began; the others hear it once more.
      load.hub.publish('load', load.state)
      return reply
    },
  )
}

/** Where the server can be reached from this machine. Nothing that a request says is looked at for it. */
export function baseOf({ server }: FastifyInstance): string {
  // A cast: it listens on a port, or not at all.
  const address = server.address() as AddressInfo | null
  if (!address) throw unavailable('The server does not listen.')
  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address
  return `http://${/^(0\.0\.0\.0|\[::\])$/.test(host) ? '127.0.0.1' : host}:${address.port}`
}
