/**
 * Has the reservation service confirm an order, with one POST.
 *
 * Only 200 with a confirmation of that very order is an answer. That it fails, or is cancelled, does not
 * mean that nothing was confirmed: see `orders.ts`.
 */
import { HttpError, type Call, type Confirmation, type Order } from '@overlap/workload'
import { HttpCall } from './http-call.ts'
import { toStatusError } from './http-errors.ts'
import { parseObject } from './parse-object.ts'
import type { Orders } from './orders.ts'
import type { ServiceQueries } from './service-queries.ts'
import type { Upstream } from './upstream.ts'
import type { Watcher } from './watcher.ts'

/** `httpMs`: how long the service is asked to take, 0 to 10,000 ms. */
export function createConfirmOrder(
  { lines, basePath }: Upstream,
  orders: Orders,
  httpMs: number,
  queries: ServiceQueries,
  watcher: Watcher,
): Call<Order, Confirmation, HttpError> {
  return ({ order, sku, units }, done) => {
    const asked = { order, sku, units }
    const call = new HttpCall('confirmOrder', asked, readConfirmation, done, watcher)
    if (lines.closed) call.failLater('the port is closed')
    else {
      orders.confirming(order)
      call.start(lines, {
        method: 'POST',
        path: `${basePath}/orders${queries.next(httpMs)}`,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(asked),
      })
    }
    return () => call.cancel()
  }
}

function readConfirmation(asked: Order, status: number, body: Buffer): Confirmation | HttpError {
  if (status !== 200) return toStatusError(status)
  const answer = parseObject(body.toString())
  if (answer === undefined || !('order' in answer) || !('sku' in answer) || !('units' in answer))
    return new HttpError('the reservation service answered with something else than a confirmation', {
      status,
    })
  const { order, sku, units } = answer
  if (order === asked.order && sku === asked.sku && units === asked.units) return asked
  return new HttpError('the reservation service has confirmed another order', { status })
}
