/**
 * One replica of the reservation service: an HTTP server, and a ledger of what is open.
 *
 * The ledger is there so that a test can look at the service, not at the client, to see what still runs:
 * a client that goes away takes its timer and its entry with it. `GET /ledger` tells it to other
 * processes; the socket that asks for it is not counted.
 */
import { once } from 'node:events'
import http from 'node:http'
import type { Socket } from 'node:net'
import { promisify } from 'node:util'
import { route, type Answer } from './reservation-routes.ts'

/** Counts of reservation requests, and of sockets that were opened for them. */
export interface Ledger {
  readonly openRequests: number
  readonly openSockets: number
  /** Ever. */
  readonly requests: number
  /** Ever. */
  readonly sockets: number
}

export interface Replica {
  readonly url: string
  readonly ledger: Ledger
  stop(): Promise<void>
}

export async function startReplica(port: number, host: string): Promise<Replica> {
  const ledger = { openRequests: 0, openSockets: 0, requests: 0, sockets: 0 }
  const uncounted = new WeakSet<Socket>()

  const server = http.createServer((request, response) => {
    const answer = route(request)
    if (answer === 'ledger') {
      if (!uncounted.has(request.socket)) {
        uncounted.add(request.socket)
        ledger.openSockets--
        ledger.sockets--
      }
      send(response, { status: 200, body: ledger })
      return
    }
    if (answer.delayMs === undefined) {
      send(response, answer)
      return
    }
    ledger.requests++
    if (answer.delayMs === 0) {
      send(response, answer)
      return
    }
    ledger.openRequests++
    const timer = setTimeout(() => send(response, answer), answer.delayMs)
    response.once('close', () => {
      ledger.openRequests--
      clearTimeout(timer)
    })
  })
  server.on('connection', (socket) => {
    ledger.sockets++
    ledger.openSockets++
    socket.once('close', () => {
      if (!uncounted.has(socket)) ledger.openSockets--
    })
  })
  server.listen(port, host)
  await once(server, 'listening')

  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the service listens on no port')
  const closeServer = promisify(server.close.bind(server))
  let stopped: Promise<void> | undefined
  return {
    url: `http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`,
    ledger,
    stop() {
      if (stopped) return stopped
      stopped = closeServer()
      server.closeAllConnections()
      return stopped
    },
  }
}

function send(response: http.ServerResponse, { status, body, headers }: Answer): void {
  const text = JSON.stringify(body)
  response.writeHead(status, {
    ...headers,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
  })
  response.end(text)
}
