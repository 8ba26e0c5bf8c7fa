import type { HedgeInput, Replica, Reservation } from '@overlap/workload'
import { checkHedge } from '@overlap/workload'
import type { Backend } from './backend.ts'
import { firstSuccess } from './first-success.ts'
import { type Operation, latch, raceFirst, sleep } from './operation.ts'

/**
 * Asks one replica, and the next one when the last has been silent for `delayMs` or has failed.
 *
 * Returns the first success, after the other operations and their timers have been cancelled. Once all have
 * failed, throws an `AggregateError` of their errors in the order of the replicas: of no replica, at once.
 * One that fails after the next has been asked starts nothing.
 *
 * Source: hedged requests in Dean and Barroso, The Tail at Scale (https://doi.org/10.1145/2408776.2408794)
 */
export function* hedge(backend: Backend, input: HedgeInput): Operation<Reservation> {
  checkHedge(input)
  const { replicas, sku, delayMs } = input
  const failures = replicas.map(() => latch())

  function* ask(replica: Replica, index: number): Operation<Reservation> {
    // Its turn comes when that of each one before it is over.
    for (const failed of failures.slice(0, index)) yield* raceFirst(failed.wait(), sleep(delayMs))
    try {
      return yield* backend.fetchReservationFrom({ replica, sku })
    } catch (error) {
      failures[index]?.open()
      throw error
    }
  }
  return yield* firstSuccess(replicas.map(ask))
}
