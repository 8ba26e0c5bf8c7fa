import type { RaceInput, Reservation } from '@overlap/workload'
import { checkRace } from '@overlap/workload'
import type { Backend } from './backend.ts'
import { firstSuccess } from './first-success.ts'

/**
 * Asks every replica at the same time, and takes the first success.
 *
 * Resolves with it, and aborts the other calls. Once all have failed, rejects with an `AggregateError` of
 * their errors in the order of the replicas: of no replica, at once.
 */
export async function race(backend: Backend, input: RaceInput, signal: AbortSignal): Promise<Reservation> {
  checkRace(input)
  const { replicas, sku } = input
  return firstSuccess(signal, (racing) =>
    replicas.map((replica) => backend.fetchReservationFrom({ replica, sku }, racing)),
  )
}
