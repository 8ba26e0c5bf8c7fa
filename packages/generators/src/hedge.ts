import type { HedgeInput, Reservation } from '@overlap/workload'
import { checkHedge } from '@overlap/workload'
import type { Backend } from './backend.ts'
import { firstSuccess } from './first-success.ts'
import { type Operation, latch, raceFirst, sleep } from './operation.ts'

/**
 * Asks one replica, and the next one when the last has been silent for `delayMs` or has failed.
 *
 * Returns the first success, after the other operations and the timer have been cancelled. Once all have
 * failed, throws an `AggregateError` of their errors in the order of the replicas: of no replica, at once.
 * One that fails after the next has been asked starts nothing.
 *
 * Source: hedged requests in Dean and Barroso, The Tail at Scale (https://doi.org/10.1145/2408776.2408794)
 */
export function* hedge(backend: Backend, input: HedgeInput): Operation<Reservation> {
  checkHedge(input)
  const { replicas, sku, delayMs } = input
  const questions = replicas.map((replica) => ({ replica, asked: latch(), failed: latch() }))

  function* ask(
    { replica, asked, failed }: (typeof questions)[number],
    index: number,
  ): Operation<Reservation> {
    const last = questions[index - 1]
    if (last) {
      yield* last.asked.wait()
      yield* raceFirst(last.failed.wait(), sleep(delayMs))
    }
    asked.open()
    try {
      return yield* backend.fetchReservationFrom({ replica, sku })
    } catch (error) {
      failed.open()
      throw error
    }
  }
  return yield* firstSuccess(questions.map(ask))
}
