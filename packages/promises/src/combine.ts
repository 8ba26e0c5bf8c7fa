import type { Availability, Sku } from '@overlap/workload'
import { toAvailability } from '@overlap/workload'
import type { Backend } from './backend.ts'
import { scope } from './scope.ts'

/**
 * Reads a product's stock and reservation at the same time, and joins them.
 *
 * Rejects with the first error, after it has aborted the other call.
 */
export function combine(backend: Backend, sku: Sku, signal: AbortSignal): Promise<Availability> {
  // `Promise.all` stops waiting at the first error, but it stops nothing: the scope does.
  return scope(signal, async (either) => {
    const [stock, reservation] = await Promise.all([
      backend.findStock(sku, either),
      backend.fetchReservation(sku, either),
    ])
    return toAvailability(stock, reservation)
  })
}
