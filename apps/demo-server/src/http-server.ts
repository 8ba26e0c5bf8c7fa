/**
 * The HTTP server below Fastify, with its bounds: how many connections there are, how long one may take to send a
 * request or to take an answer, and how much of what is not read yet is held.
 */
import http, { type RequestListener, type Server } from 'node:http'
import type { Socket } from 'node:net'
import { isFeedUpgrade } from './routes/feed-socket.ts'

export interface HttpLimits {
  /** One more is closed at once. Enough for 10,000 who follow the feed, and 10,000 others. */
  readonly connections: number
  /** After so many requests, a connection ends with an answer that says so. */
  readonly requestsPerConnection: number
  /** Bytes of all headers of a request, with its first line. */
  readonly headerBytes: number
  /** From the beginning of a connection, or the first byte of a further request, to the end of its headers. */
  readonly headersMs: number
  /** The same, to the end of its body. How long its answer takes is another matter. */
  readonly requestMs: number
  /** How often it is looked whether these two are over, and who takes nothing of what it is being sent. */
  readonly checkMs: number
  /** Between two requests. */
  readonly idleMs: number
  /** For which a client may take nothing of what it is being sent, from when that is seen. */
  readonly stalledMs: number
}

const LIMITS: HttpLimits = {
  connections: 20_000,
  requestsPerConnection: 10_000,
  headerBytes: 16 * 1024,
  headersMs: 10_000,
  requestMs: 15_000,
  checkMs: 1000,
  idleMs: 5000,
  stalledMs: 30_000,
}

interface Log {
  error(what: object, message: string): void
}

/** Made by us, because Fastify's own has no place for some of the bounds, and makes a second one for `localhost`. */
export function createHttpServer(
  handler: RequestListener,
  log: Log,
  limits: Partial<HttpLimits> = {},
): Server {
  const { connections, requestsPerConnection, headerBytes, ...durations } = { ...LIMITS, ...limits }
  const { headersMs, requestMs, checkMs, idleMs, stalledMs } = durations
  const server = http.createServer(
    {
      maxHeaderSize: headerBytes,
      headersTimeout: headersMs,
      requestTimeout: requestMs,
      connectionsCheckingInterval: checkMs,
      keepAliveTimeout: idleMs,
      shouldUpgradeCallback: isFeedUpgrade,
      // Most requests have no body, and to end the stream of one that nobody reads costs some 4 % of a small answer.
      optimizeEmptyRequests: true,
    },
    handler,
  )
  server.maxConnections = connections
  server.maxRequestsPerSocket = requestsPerConnection
  // A connection that waits for its answer may take its time, one that does not take it may not. Node would have a timer for
  // each, and set it several times for each request: so only those get one that have left something when they are looked at.
  // Between two requests, Node has set another time: `idleMs`, and a second.
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  server.on('listening', () => {
    const look = setInterval(() => {
      for (const socket of sockets)
        if (socket.writableLength > 0 && socket.timeout !== stalledMs) socket.setTimeout(stalledMs)
    }, checkMs).unref()
    server.once('close', () => clearInterval(look))
  })
  server.on('timeout', (socket) => {
    if (socket.timeout !== stalledMs || socket.writableLength > 0) socket.destroy()
  })
  // It listens on: a connection that could not be accepted, as there are too many files, is the client's to try again.
  server.on('error', (err) => {
    if (server.listening) log.error({ err }, 'cannot accept a connection')
  })
  return server
}
