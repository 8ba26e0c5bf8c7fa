import type { HedgeInput, Replica, Reservation } from '@overlap/workload'
import { checkHedge } from '@overlap/workload'
import type { Backend } from './backend.ts'
import { firstSuccess } from './first-success.ts'
import { type Latch, type Operation, latch, raceFirst, sleep } from './operation.ts'

/** What the next replica waits for. */
interface Question {
  readonly asked: Latch
  readonly failed: Latch
}

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
  let before: Question | undefined
  const answers = replicas.map((replica) => {
    const question = { asked: latch(), failed: latch() }
    const answer = ask(replica, question, before)
    before = question
    return answer
  })
  return yield* firstSuccess(answers)

  function* ask(replica: Replica, own: Question, last: Question | undefined): Operation<Reservation> {
    if (last) {
      yield* last.asked.wait()
      yield* raceFirst(last.failed.wait(), sleep(delayMs))
    }
    own.asked.open()
    try {
      return yield* backend.fetchReservationFrom({ replica, sku })
    } catch (error) {
      own.failed.open()
      throw error
    }
  }
}
