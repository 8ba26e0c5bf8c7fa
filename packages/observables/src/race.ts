import type { RaceInput, Reservation } from '@overlap/workload'
import { checkRace } from '@overlap/workload'
import { type Observable, from, map } from 'rxjs'
import type { Backend } from './backend.ts'
import { firstSuccess } from './first-success.ts'

/**
 * Asks every replica at the same time, and takes the first success.
 *
 * Emits it, and unsubscribes from the others. Once all have failed, errors with an `AggregateError` of
 * their errors in the order of the replicas: of no replica, at once.
 */
export function race(backend: Backend, input: RaceInput): Observable<Reservation> {
  checkRace(input)
  const { replicas, sku } = input
  return from(replicas).pipe(
    map((replica) => backend.fetchReservationFrom({ replica, sku })),
    firstSuccess(),
  )
}
