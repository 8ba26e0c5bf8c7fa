import type { HedgeInput, Reservation } from '@overlap/workload'
import { checkHedge } from '@overlap/workload'
import {
  EMPTY,
  type Observable,
  catchError,
  concat,
  concatMap,
  from,
  ignoreElements,
  of,
  share,
  timeout,
} from 'rxjs'
import type { Backend } from './backend.ts'
import { firstSuccess } from './first-success.ts'

/**
 * Asks one replica, and the next one when the last has been silent for `delayMs` or has failed.
 *
 * Emits the first success, and unsubscribes from the others and the timer. Once all have failed, errors
 * with an `AggregateError` of their errors in the order of the replicas: of no replica, at once. One that
 * fails after the next has been asked starts nothing.
 *
 * Source: hedged requests in Dean and Barroso, The Tail at Scale (https://doi.org/10.1145/2408776.2408794)
 */
export function hedge(backend: Backend, input: HedgeInput): Observable<Reservation> {
  checkHedge(input)
  const { replicas, sku, delayMs } = input
  return from(replicas).pipe(
    concatMap((replica, index) => {
      // `share` forgets an end, and asks again for who subscribes after it, unless it is told not to.
      const answer = backend
        .fetchReservationFrom({ replica, sku })
        .pipe(share({ resetOnComplete: false, resetOnError: false }))
      const isLast = index === replicas.length - 1
      return concat(of(answer), isLast ? EMPTY : silence(answer, delayMs))
    }),
    firstSuccess(),
  )
}

/** Completes when `answer` has failed, or when `ms` are over. */
const silence = (answer: Observable<unknown>, ms: number): Observable<never> =>
  answer.pipe(
    timeout({ first: ms, with: () => EMPTY }),
    catchError(() => EMPTY),
    ignoreElements(),
  )
