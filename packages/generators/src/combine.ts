import type { Availability, Sku } from '@overlap/workload'
import { toAvailability } from '@overlap/workload'
import type { Backend } from './backend.ts'
import { type Operation, all } from './operation.ts'

/**
 * Reads a product's stock and reservation at the same time, and joins them.
 *
 * Throws the first error, after `all` has cancelled the other operation.
 */
export function* combine(backend: Backend, sku: Sku): Operation<Availability> {
  const [stock, reservation] = yield* all(backend.findStock(sku), backend.fetchReservation(sku))
  return toAvailability(stock, reservation)
}
