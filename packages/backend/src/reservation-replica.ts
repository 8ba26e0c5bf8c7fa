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
import { ConfirmedOrders } from './confirmed-orders.ts'
import { json, refuse, route, type Reply, type Work } from './reservation-routes.ts'

const BODY_LIMIT_BYTES = 16 * 1024

/** Counts of requests for a reservation, a confirmation, a page or a picture, and of the sockets. */
export interface Ledger {
  readonly openRequests: number
  readonly openSockets: number
  /** Ever. */
  readonly requests: number
  /** Ever. */
  readonly sockets: number
  /** Units that are confirmed, by sku. */
  readonly units: Readonly<Record<string, number>>
}

export interface Replica {
  readonly url: string
  readonly ledger: Ledger
  stop(): Promise<void>
}

export async function startReplica(port: number, host: string): Promise<Replica> {
  const orders = new ConfirmedOrders()
  const ledger = {
    openRequests: 0,
    openSockets: 0,
    requests: 0,
    sockets: 0,
    get units() {
      return orders.units()
    },
  }
  const uncounted = new WeakSet<Socket>()

  const server = http.createServer((request, response) => {
    const answer = route(request, orders)
    if (answer === 'ledger') {
      if (!uncounted.has(request.socket)) {
        uncounted.add(request.socket)
        ledger.openSockets--
        ledger.sockets--
      }
      send(response, json(200, ledger))
    } else if ('decide' in answer) work(answer, request, response)
    else send(response, answer)
  })

  function work(
    { delayMs, wantsBody, decide }: Work,
    request: http.IncomingMessage,
    response: http.ServerResponse,
  ) {
    ledger.requests++
    const atOnce = delayMs === 0 && !wantsBody ? decide('') : undefined
    if (atOnce !== undefined && !(atOnce instanceof Promise)) {
      send(response, atOnce)
      return
    }
    ledger.openRequests++
    let left = false
    let timer: NodeJS.Timeout | undefined
    response.once('close', () => {
      ledger.openRequests--
      left = true
      clearTimeout(timer)
    })
    async function answer(decided: Reply | Promise<Reply>) {
      const reply = await decided
      if (!left) send(response, reply)
    }
    function received(body: string) {
      if (left) return
      if (delayMs === 0) void answer(decide(body))
      else timer = setTimeout(() => void answer(decide(body)), delayMs)
    }
    if (atOnce) void answer(atOnce)
    else if (!wantsBody) received('')
    else
      readBody(request, received, () =>
        send(response, refuse(413, `the body is longer than ${BODY_LIMIT_BYTES} bytes`)),
      )
  }

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

/** Reads to the end, also what is too long, or the client might never see the answer. */
function readBody(request: http.IncomingMessage, received: (body: string) => void, tooLong: () => void) {
  const chunks: Buffer[] = []
  let bytes = 0
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes <= BODY_LIMIT_BYTES) chunks.push(chunk)
  })
  request.once('end', () => {
    if (bytes > BODY_LIMIT_BYTES) tooLong()
    else received(Buffer.concat(chunks).toString())
  })
}

function send(response: http.ServerResponse, { status, type, body, headers }: Reply): void {
  response.writeHead(status, {
    ...headers,
    'content-type': type,
    'content-length': Buffer.byteLength(body),
  })
  response.end(body)
}
