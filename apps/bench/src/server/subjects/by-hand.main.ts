/**
 * What somebody would write by hand who wants this answer and nothing else: a bare `node:http` handler, on the
 * same port as the demo server. It answers what the demo server answers, `Server-Timing` included, so that
 * both send and parse the same bytes.
 *
 * Without `STYLE` it makes the two calls itself, with plain callbacks: the floor. With it, the style makes
 * them: what is above the floor there is what the style costs, and no server.
 */
import http from 'node:http'
import { openPort } from '@overlap/backend'
import { callbacks } from '@overlap/callbacks'
import { effect } from '@overlap/effect'
import { generators } from '@overlap/generators'
import { observables } from '@overlap/observables'
import { promises } from '@overlap/promises'
import type { Availability, Cancel, Port, Reservation, Stock, Style } from '@overlap/workload'
import { IDLE_MS, keepAliveHeaders } from './keep-alive.ts'
import { sayUrl } from './say-url.ts'

const styles = [callbacks, promises, generators, observables, effect]

const { DATABASE_URL = '', UPSTREAM_URL = '', POOL_MAX = '20', STYLE = 'by hand' } = process.env
const port = openPort({
  databaseUrl: DATABASE_URL,
  upstreamUrls: [UPSTREAM_URL],
  poolMax: Number(POOL_MAX),
})
await port.prepare()

const style = styles.find(({ name }) => name === STYLE)
const server = http.createServer({ keepAliveTimeout: IDLE_MS }, (_request, response) => {
  const cancel = style ? answerInStyle(style, response) : answer(response)
  response.on('close', cancel)
})

function answer(response: http.ServerResponse): Cancel {
  const now = startClock()
  return combine(port, (error, result) => {
    if (error) sendError(response, error)
    else sendResult(response, result, now())
  })
}

/** What the style itself costs: its promise, and a signal that aborts when the client leaves. */
function answerInStyle({ combine: run }: Pick<Style, 'combine'>, response: http.ServerResponse): Cancel {
  const now = startClock()
  const controller = new AbortController()
  let settled = false
  run(port, 'A-42', controller.signal).then(
    (result) => {
      settled = true
      return sendResult(response, result, now())
    },
    (error: Error) => {
      settled = true
      return sendError(response, error)
    },
  )
  return () => {
    if (!settled) controller.abort(new Error('the client has left'))
  }
}

/** Milliseconds from now on, to one decimal. */
function startClock(): () => number {
  const start = performance.now()
  return () => Math.round((performance.now() - start) * 10) / 10
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

function sendResult(response: http.ServerResponse, result: unknown, ms: number): void {
  send(response, 200, { scenario: 'combine', style: STYLE, result }, `total;dur=${ms}`)
}

function sendError(response: http.ServerResponse, { message }: Error): void {
  send(response, 502, { title: message }, '')
}

function send(response: http.ServerResponse, status: number, body: unknown, timing: string): void {
  const text = JSON.stringify(body)
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(text),
    'x-content-type-options': 'nosniff',
    'server-timing': timing,
    ...keepAliveHeaders,
  })
  response.end(text)
}

sayUrl(server)
