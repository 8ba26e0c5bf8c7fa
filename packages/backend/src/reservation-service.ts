/**
 * The HTTP service behind the port: how many units of a product are promised to earlier orders.
 *
 * `GET /reservations/:sku?delayMs=300` answers after the delay, 0 to 10,000 ms. It keeps a ledger of
 * what is open, so that a test can look at the service, not at the client, to see what still runs: a
 * client that goes away takes its timer and its entry with it. `GET /ledger` tells it to other
 * processes; the socket that asks for it is not counted.
 */
import { once } from 'node:events'
import http from 'node:http'
import type { Socket } from 'node:net'
import { promisify } from 'node:util'
import { DELAY_LIMIT_MS } from './calls.ts'

/** Counts of reservation requests, and of sockets that were opened for them. */
export interface Ledger {
  readonly openRequests: number
  readonly openSockets: number
  /** Ever. */
  readonly requests: number
  /** Ever. */
  readonly sockets: number
}

export interface ReservationService {
  /** Without a slash at its end. */
  readonly url: string
  /** Live: read it again. */
  readonly ledger: Ledger
  /** Cuts off what runs. Resolves once every socket has closed. Idempotent. */
  stop(): Promise<void>
}

export interface ReservationServiceOptions {
  /** Any free one by default. */
  readonly port?: number
  readonly host?: string
}

const reservations: ReadonlyMap<string, number> = new Map([['A-42', 2]])

export async function startReservationService(
  options: ReservationServiceOptions = {},
): Promise<ReservationService> {
  const { port = 0, host = '127.0.0.1' } = options
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
      send(response, 200, ledger)
      return
    }
    if (!('reservation' in answer)) {
      send(response, answer.status, answer.body, answer.headers)
      return
    }
    ledger.requests++
    if (answer.delayMs === 0) {
      send(response, 200, answer.reservation)
      return
    }
    ledger.openRequests++
    const timer = setTimeout(() => send(response, 200, answer.reservation), answer.delayMs)
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

type Answer =
  | 'ledger'
  | { readonly status: number; readonly body: unknown; readonly headers?: http.OutgoingHttpHeaders }
  | { readonly reservation: { readonly sku: string; readonly reserved: number }; readonly delayMs: number }

function route({ method, url = '' }: http.IncomingMessage): Answer {
  const [path = '', query = ''] = url.split('?', 2)
  const encodedSku = /^\/reservations\/([^/]+)$/.exec(path)?.[1]
  if (path !== '/livez' && path !== '/ledger' && encodedSku === undefined)
    return { status: 404, body: { error: 'there is nothing here' } }
  if (method !== 'GET')
    return { status: 405, body: { error: 'only GET is answered' }, headers: { allow: 'GET' } }
  if (path === '/ledger') return 'ledger'
  if (encodedSku === undefined) return { status: 200, body: { status: 'live' } }

  const sku = decode(encodedSku)
  if (sku === undefined) return { status: 400, body: { error: 'the sku is not encoded as a URL needs it' } }
  const delayMs = readDelay(query)
  if (delayMs === undefined)
    return { status: 400, body: { error: `delayMs must be an integer from 0 to ${DELAY_LIMIT_MS}` } }
  return { reservation: { sku, reserved: reservations.get(sku) ?? 0 }, delayMs }
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

function readDelay(query: string): number | undefined {
  if (query === '') return 0
  const [text = '0', ...more] = new URLSearchParams(query).getAll('delayMs')
  const delayMs = Number(text)
  return more.length === 0 && /^\d{1,5}$/.test(text) && delayMs <= DELAY_LIMIT_MS ? delayMs : undefined
}

function send(
  response: http.ServerResponse,
  status: number,
  body: unknown,
  headers: http.OutgoingHttpHeaders = {},
): void {
  const text = JSON.stringify(body)
  response.writeHead(status, {
    ...headers,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
  })
  response.end(text)
}
