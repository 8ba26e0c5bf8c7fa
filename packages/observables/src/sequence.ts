import type { Availability, Sku } from '@overlap/workload'
import { noReservation, toAvailability } from '@overlap/workload'
import { type Observable, concatMap, map, of } from 'rxjs'
import type { Backend } from './backend.ts'

/**
 * Reads a product's stock, and then its reservation only if there is any.
 *
 * Emits one availability. Errors with the first error. One call is subscribed to at a time.
 */
export function sequence(backend: Backend, sku: Sku): Observable<Availability> {
  return backend.findStock(sku).pipe(
    concatMap((stock) => {
      const reservation = stock.onHand === 0 ? of(noReservation(sku)) : backend.fetchReservation(sku)
      return reservation.pipe(map((fetched) => toAvailability(stock, fetched)))
    }),
  )
}
