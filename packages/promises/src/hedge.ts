import type { HedgeInput, Reservation } from '@overlap/workload'
import { checkHedge } from '@overlap/workload'
import type { Backend } from './backend.ts'
import { firstSuccess } from './first-success.ts'
import { scope } from './scope.ts'
import { sleep } from './sleep.ts'

/**
 * Asks one replica, and the next one when the last has been silent for `delayMs` or has failed.
 *
 * Resolves with the first success, and aborts the other calls and the timer. Once all have failed, rejects
 * with an `AggregateError` of their errors in the order of the replicas: of no replica, at once. One that
 * fails after the next has been asked starts nothing.
 *
 * Source: hedged requests in Dean and Barroso, The Tail at Scale (https://doi.org/10.1145/2408776.2408794)
 */
export async function hedge(backend: Backend, input: HedgeInput, signal: AbortSignal): Promise<Reservation> {
  checkHedge(input)
  const { replicas, sku, delayMs } = input
  return firstSuccess(signal, (hedging) => {
    // When the next replica may be asked.
    let turn = Promise.resolve()
    return replicas.map((replica, index) => {
      const answer = turn.then(() => backend.fetchReservationFrom({ replica, sku }, hedging))
      const isLast = index === replicas.length - 1
      if (!isLast) turn = turn.then(() => silence(answer, delayMs, hedging))
      return answer
    })
  })
}

/** Resolves when `answer` has failed, or when `ms` are over. */
function silence(answer: Promise<unknown>, ms: number, signal: AbortSignal): Promise<void> {
  return scope(signal, (waiting) => Promise.race([failure(answer), sleep(ms, waiting)]))
}

/** Resolves when `promise` rejects, and else never. */
function failure(promise: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => void promise.catch(() => resolve()))
}
