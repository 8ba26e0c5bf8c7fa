import type { Availability, Sku } from '@overlap/workload'
import { noReservation, toAvailability } from '@overlap/workload'
import type { Backend } from './backend.ts'

/**
 * Reads a product's stock, and then its reservation only if there is any.
 *
 * Rejects with the first error. One call runs at a time, and that is the one which `signal` aborts.
 */
export async function sequence(backend: Backend, sku: Sku, signal: AbortSignal): Promise<Availability> {
  const stock = await backend.findStock(sku, signal)
  const reservation = stock.onHand === 0 ? noReservation(sku) : await backend.fetchReservation(sku, signal)
  return toAvailability(stock, reservation)
}
