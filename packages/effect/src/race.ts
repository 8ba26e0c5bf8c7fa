import type { RaceInput, Reservation } from '@overlap/workload'
import { checkRace } from '@overlap/workload'
import { Effect } from 'effect'
import { Backend } from './backend.ts'
import { firstSuccess } from './first-success.ts'

/**
 * Asks every replica at the same time, and takes the first success.
 *
 * Succeeds with it, after the other fibers have been interrupted. Once all have failed, fails with an
 * `AggregateError` of their errors in the order of the replicas: of no replica, at once.
 */
export const race = Effect.fnUntraced(function* (
  input: RaceInput,
): Effect.fn.Return<Reservation, AggregateError, Backend> {
  checkRace(input)
  const { replicas, sku } = input
  const backend = yield* Backend
  return yield* firstSuccess(replicas.map((replica) => backend.fetchReservationFrom({ replica, sku })))
})
