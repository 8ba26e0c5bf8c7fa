import type { Availability, Sku } from '@overlap/workload'
import { noReservation, toAvailability } from '@overlap/workload'
import type { Backend } from './backend.ts'
import type { Operation } from './operation.ts'

/**
 * Reads a product's stock, and then its reservation only if there is any.
 *
 * Throws the first error. One call runs at a time, and that is the one which is cancelled.
 */
export function* sequence(backend: Backend, sku: Sku): Operation<Availability> {
  const stock = yield* backend.findStock(sku)
  const reservation = stock.onHand === 0 ? noReservation(sku) : yield* backend.fetchReservation(sku)
  return toAvailability(stock, reservation)
}
