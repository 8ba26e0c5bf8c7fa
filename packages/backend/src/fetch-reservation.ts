/**
 * Fetches one product's reservation with one GET, of the service or of one of its replicas.
 *
 * Only 200 with a reservation of that very product is an answer.
 */
import { HttpError, type Call, type ReplicaSku, type Reservation, type Sku } from '@overlap/workload'
import { HttpCall } from './http-call.ts'
import { toStatusError } from './http-errors.ts'
import { parseObject } from './parse-object.ts'
import type { ServiceQueries } from './service-queries.ts'
import type { Upstream, Upstreams } from './upstream.ts'
import type { Watcher } from './watcher.ts'

/** `httpMs`: how long the service is asked to take, 0 to 10,000 ms. */
export function createFetchReservation(
  upstream: Upstream,
  httpMs: number,
  queries: ServiceQueries,
  watcher: Watcher,
): Call<Sku, Reservation, HttpError> {
  return (sku, done) => {
    const call = new HttpCall('fetchReservation', sku, readReservation, done, watcher)
    start(call, upstream, sku, httpMs, queries)
    return () => call.cancel()
  }
}

/** `replicaMs`: how long each replica is asked to take; `httpMs` where it says nothing. */
export function createFetchReservationFrom(
  upstreams: Upstreams,
  httpMs: number,
  replicaMs: readonly number[],
  queries: ServiceQueries,
  watcher: Watcher,
): Call<ReplicaSku, Reservation, HttpError> {
  return ({ replica, sku }, done) => {
    const call = new HttpCall('fetchReservationFrom', sku, readReservation, done, watcher)
    const upstream = upstreams[replica]
    if (upstream) start(call, upstream, sku, replicaMs[replica] ?? httpMs, queries)
    else call.failLater(`there is no replica ${replica}: expected 0 to ${upstreams.length - 1}`)
    return () => call.cancel()
  }
}

function start(
  call: HttpCall<Sku, Reservation>,
  { lines, basePath }: Upstream,
  sku: Sku,
  delayMs: number,
  queries: ServiceQueries,
) {
  if (lines.closed) call.failLater('the port is closed')
  // A lone surrogate has no form in a URL.
  else if (!sku.isWellFormed()) call.failLater('the sku is not text')
  else {
    const path = `${basePath}/reservations/${encodeURIComponent(sku)}${queries.next(delayMs)}`
    call.start(lines, { method: 'GET', path })
  }
}

function readReservation(asked: Sku, status: number, body: Buffer): Reservation | HttpError {
  if (status !== 200) return toStatusError(status)
  const answer = parseObject(body.toString())
  if (answer === undefined || !('sku' in answer) || !('reserved' in answer))
    return new HttpError('the reservation service answered with something else than a reservation', {
      status,
    })
  const { sku, reserved } = answer
  if (sku !== asked) return new HttpError('the reservation service answered for another product', { status })
  if (typeof reserved !== 'number' || !Number.isSafeInteger(reserved) || reserved < 0)
    return new HttpError('the reservation service answered with a reservation that is not a count', {
      status,
    })
  return { sku: asked, reserved }
}
