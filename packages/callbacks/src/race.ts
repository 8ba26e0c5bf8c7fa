import type { Cancel, Done, RaceInput, Reservation } from '@overlap/workload'
import { allFailed, checkRace } from '@overlap/workload'
import type { Backend } from './backend.ts'

/**
 * Asks every replica at the same time, and takes the first success.
 *
 * Calls `done` with it, after it has cancelled the other calls. Once all have failed, calls `done` with an
 * `AggregateError` of their errors in the order of the replicas: of no replica, in another turn of the loop.
 */
export function race(backend: Backend, input: RaceInput, done: Done<Reservation, AggregateError>): Cancel {
  checkRace(input)
  const { replicas, sku } = input
  const errors: Error[] = []
  let missing = replicas.length

  const cancels = replicas.map((replica, index) =>
    backend.fetchReservationFrom({ replica, sku }, (error, reservation) => {
      if (error) return fail(index, error)
      cancel()
      done(null, reservation)
    }),
  )

  function fail(index: number, error: Error) {
    errors[index] = error
    if (--missing === 0) done(allFailed(errors))
  }
  function cancel() {
    for (const cancelCall of cancels) cancelCall()
  }
  if (missing > 0) return cancel
  // Not at once: the caller does not hold the `Cancel` yet.
  const immediate = setImmediate(done, allFailed([]))
  return () => clearImmediate(immediate)
}
