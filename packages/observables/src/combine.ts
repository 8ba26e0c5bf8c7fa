import type { Availability, Sku } from '@overlap/workload'
import { toAvailability } from '@overlap/workload'
import { type Observable, forkJoin, map } from 'rxjs'
import type { Backend } from './backend.ts'

/**
 * Reads a product's stock and reservation at the same time, and joins them.
 *
 * Emits one availability. Errors with the first error, after `forkJoin` has unsubscribed from the other.
 */
export function combine(backend: Backend, sku: Sku): Observable<Availability> {
  return forkJoin([backend.findStock(sku), backend.fetchReservation(sku)]).pipe(
    map(([stock, reservation]) => toAvailability(stock, reservation)),
  )
}
