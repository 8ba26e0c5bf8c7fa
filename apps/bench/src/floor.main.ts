/**
 * The floor: what somebody would write by hand who wants this answer and nothing else. Bare `node:http`
 * handlers make the two calls with plain callbacks, through the same port as the demo server.
 *
 * `/` answers what the demo server answers, times of the calls included, so that both send and parse the
 * same bytes. `/bare` answers the result alone, and takes no time of anything.
 *
 * Started by the benchmark, which it tells its address, and its CPU time whenever it is asked.
 */
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Observe, openPort } from '@overlap/backend'
import type { Availability, Cancel, Port, Reservation, Stock } from '@overlap/workload'

const { DATABASE_URL = '', UPSTREAM_URL = '', POOL_MAX = '50' } = process.env
const port = openPort({
  databaseUrl: DATABASE_URL,
  upstreamUrls: [UPSTREAM_URL],
  poolMax: Number(POOL_MAX),
})
await port.prepare()

const server = http.createServer((request, response) => {
  const cancel = request.url === '/bare' ? answerBare(response) : answerTimed(response)
  response.on('close', cancel)
})

function answerBare(response: http.ServerResponse): Cancel {
  return combine(port, (error, result) => {
    if (error) send(response, 502, { title: error.message })
    else send(response, 200, result)
  })
}

function answerTimed(response: http.ServerResponse): Cancel {
  const start = performance.now()
  const now = () => Math.round((performance.now() - start) * 10) / 10
  const times = { findStock: [0, 0, 0], fetchReservation: [0, 0, 0] }
  const observe: Observe = (call, event) => {
    if (call !== 'findStock' && call !== 'fetchReservation') return
    times[call][event === 'started' ? 0 : event === 'sent' ? 1 : 2] = now()
  }
  return combine(port.forRun({ dbMs: 0, httpMs: 0, observe }), (error, result) => {
    if (error) return send(response, 502, { title: error.message })
    const trace = Object.entries(times).map(([call, [startedMs, sentMs, endedMs]]) => {
      return { call, startedMs, sentMs, endedMs, outcome: 'succeeded' }
    })
    const [db, reservation] = [times.findStock, times.fetchReservation].map(([started = 0, , ended = 0]) =>
      (ended - started).toFixed(1),
    )
    response.setHeader('x-content-type-options', 'nosniff')
    response.setHeader('server-timing', `db;dur=${db}, http;dur=${reservation}, total;dur=${now()}`)
    send(response, 200, { scenario: 'combine', style: 'by hand', result, trace })
  })
}

/** Both calls at the same time, with plain callbacks. */
function combine(
  { findStock, fetchReservation }: Port,
  done: (error: Error | null, result?: Availability) => void,
): Cancel {
  let stock: Stock | undefined
  let reservation: Reservation | undefined
  const cancelStock = findStock('A-42', (error, found) => {
    if (error) return fail(error)
    stock = found
    join()
  })
  const cancelReservation = fetchReservation('A-42', (error, fetched) => {
    if (error) return fail(error)
    reservation = fetched
    join()
  })
  function join() {
    if (!stock || !reservation) return
    const { sku, onHand } = stock
    const { reserved } = reservation
    done(null, { sku, onHand, reserved, available: onHand - reserved })
  }
  function fail(error: Error) {
    cancel()
    done(error)
  }
  function cancel() {
    cancelStock()
    cancelReservation()
  }
  return cancel
}

function send(response: http.ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body)
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(text),
  })
  response.end(text)
}

server.listen(0, '127.0.0.1', () => {
  const { port: number } = server.address() as AddressInfo
  process.send?.({ url: `http://127.0.0.1:${number}` })
})
process.on('message', () => process.send?.(process.cpuUsage()))
process.on('disconnect', () => process.exit())
