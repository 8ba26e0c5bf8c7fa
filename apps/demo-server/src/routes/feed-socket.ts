/**
 * `/api/feed` over WebSockets: only the connections that ask for one at this path come here, and all others are
 * answered as if they had not asked.
 *
 * What is wrong with a request is told with its status, before the handshake. A page of another site is refused, as
 * everywhere: here, nothing else would keep it from reading.
 *
 * Source: https://www.rfc-editor.org/rfc/rfc6455
 */
import type { IncomingMessage, Server } from 'node:http'
import { parse } from 'node:querystring'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Context } from '../context.ts'
import type { FeedReader } from '../feed-log.ts'
import type { FeedValues } from '../feed.ts'
import { Socket, UnreadError } from '../outlets.ts'
import { Problem, answerOnSocket, logDefect } from '../problem.ts'
import type { Run } from '../run.ts'
import { ClientLeftError } from '../runs.ts'

/** Of what a client sends, although nothing is read: more than that is not even received. */
const PAYLOAD_BYTES = 4096

/** Those that `ws` knows: whoever has asked for another one must be told. */
const VERSIONS = { 'sec-websocket-version': '13, 8' }

/** By another method than `GET` it is none. */
export const isFeedUpgrade = ({ method, url = '', headers: { upgrade = '' } }: IncomingMessage): boolean =>
  method === 'GET' && /^\/api\/feed(\?|$)/.test(url) && upgrade.toLowerCase() === 'websocket'

export function acceptFollowers(server: Server, { feed, refusals, log }: Context): void {
  const webSockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload: PAYLOAD_BYTES,
  })
  webSockets.on('wsClientError', ({ message }, socket) =>
    answerOnSocket(
      socket,
      new Problem(400, `This is no handshake of a WebSocket: ${message}.`, { headers: VERSIONS }),
    ),
  )

  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', ignore)
    accept(request, socket, head).catch((error: unknown) => {
      logDefect(log, error)
      answerOnSocket(socket, error)
    })
  })

  async function accept(request: IncomingMessage, socket: Duplex, head: Buffer) {
    const { url = '', headers } = request
    refusals.refuse({ method: 'GET', url, headers })
    const values = feed.query.read(parse(url.replace(/^[^?]*\??/, '')))
    const reader = await feed.read(values)
    let accepted = false
    try {
      const run = feed.createRun(values)
      webSockets.handleUpgrade(request, socket, head, (webSocket) => {
        accepted = true
        serve(webSocket, run, reader, values)
      })
    } finally {
      // It was refused, or its client has left.
      if (!accepted) reader.close()
    }
  }

  function serve(webSocket: WebSocket, run: Run, reader: FeedReader, values: FeedValues) {
    const outlet = new Socket(webSocket, feed)
    webSocket.once('close', feed.followers.add(outlet))
    webSocket.once('close', () => {
      if (!run.settled) run.cancel(new ClientLeftError('the client has left'))
    })
    webSocket.on('message', () => run.cancel(new UnreadError('the client has sent something')))
    webSocket.on('error', ignore)
    void feed.follow(reader, values, run, outlet)
  }
}

/** What ends a connection is told by its `close`. */
const ignore = () => {}
