import type { RaceInput, Reservation } from '@overlap/workload'
import { checkRace } from '@overlap/workload'
import type { Backend } from './backend.ts'
import { firstSuccess } from './first-success.ts'
import type { Operation } from './operation.ts'

/**
 * Asks every replica at the same time, and takes the first success.
 *
 * Returns it, after the other operations have been cancelled. Once all have failed, throws an
 * `AggregateError` of their errors in the order of the replicas: of no replica, at once.
 */
export function* race(backend: Backend, input: RaceInput): Operation<Reservation> {
  checkRace(input)
  const { replicas, sku } = input
  return yield* firstSuccess(replicas.map((replica) => backend.fetchReservationFrom({ replica, sku })))
}
