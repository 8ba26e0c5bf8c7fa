import type { Cancel, Done, HedgeInput, Reservation } from '@overlap/workload'
import { allFailed, checkHedge } from '@overlap/workload'
import type { Backend } from './backend.ts'

/**
 * Asks one replica, and the next one when the last has been silent for `delayMs` or has failed.
 *
 * Calls `done` with the first success, after it has cancelled the other calls and cleared the timer. Once
 * all have failed, calls `done` with an `AggregateError` of their errors in the order of the replicas: of no
 * replica, in another turn of the loop. One that fails after the next has been asked starts nothing.
 *
 * Source: hedged requests in Dean and Barroso, The Tail at Scale (https://doi.org/10.1145/2408776.2408794)
 */
export function hedge(backend: Backend, input: HedgeInput, done: Done<Reservation, AggregateError>): Cancel {
  checkHedge(input)
  const { replicas, sku, delayMs } = input
  const errors: Error[] = []
  let missing = replicas.length
  const cancels: Cancel[] = []
  let timer: NodeJS.Timeout | undefined

  function askNext() {
    clearTimeout(timer)
    const index = cancels.length
    const replica = replicas[index]
    if (replica === undefined) return
    const cancelCall = backend.fetchReservationFrom({ replica, sku }, (error, reservation) => {
      if (error) return fail(index, error)
      cancel()
      done(null, reservation)
    })
    cancels.push(cancelCall)
    if (cancels.length < replicas.length) timer = setTimeout(askNext, delayMs)
  }
  function fail(index: number, error: Error) {
    errors[index] = error
    if (--missing === 0) return done(allFailed(errors))
    const isLastAsked = index === cancels.length - 1
    if (isLastAsked) askNext()
  }
  function cancel() {
    clearTimeout(timer)
    for (const cancelCall of cancels) cancelCall()
  }
  askNext()
  if (missing > 0) return cancel
  // Not at once: the caller does not hold the `Cancel` yet.
  const immediate = setImmediate(done, allFailed([]))
  return () => clearImmediate(immediate)
}
