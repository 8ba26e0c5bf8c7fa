import type { Availability, PortError, Sku } from '@overlap/workload'
import { noReservation, toAvailability } from '@overlap/workload'
import { Effect } from 'effect'
import { Backend } from './backend.ts'

/**
 * Reads a product's stock, and then its reservation only if there is any.
 *
 * Fails with the first error. One call runs at a time, and that is the one which is interrupted.
 */
export const sequence = Effect.fnUntraced(function* (
  sku: Sku,
): Effect.fn.Return<Availability, PortError, Backend> {
  const backend = yield* Backend
  const stock = yield* backend.findStock(sku)
  const reservation = stock.onHand === 0 ? noReservation(sku) : yield* backend.fetchReservation(sku)
  return toAvailability(stock, reservation)
})
