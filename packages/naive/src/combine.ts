import type { Availability, Sku } from '@overlap/workload'
import { toAvailability } from '@overlap/workload'
import type { Backend } from './backend.ts'

/**
 * Reads a product's stock and reservation at the same time, and joins them.
 *
 * What it leaves running: the other call. `Promise.all` stops waiting at the first error, and stops nothing,
 * so the query goes on and keeps its connection.
 */
export async function combine(backend: Backend, sku: Sku): Promise<Availability> {
  const [stock, reservation] = await Promise.all([backend.findStock(sku), backend.fetchReservation(sku)])
  return toAvailability(stock, reservation)
}
