import type { Availability, Sku } from '@overlap/workload'
import { noReservation, toAvailability } from '@overlap/workload'
import type { Backend } from './backend.ts'

/**
 * Reads a product's stock, and then its reservation only if there is any.
 *
 * What it leaves running: whatever runs when the caller leaves. Once the database has answered, the HTTP call
 * is made all the same, for nobody.
 */
export async function sequence(backend: Backend, sku: Sku): Promise<Availability> {
  const stock = await backend.findStock(sku)
  const reservation = stock.onHand === 0 ? noReservation(sku) : await backend.fetchReservation(sku)
  return toAvailability(stock, reservation)
}
