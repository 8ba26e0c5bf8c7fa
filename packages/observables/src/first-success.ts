import { allFailed } from '@overlap/workload'
import {
  EMPTY,
  type Observable,
  type OperatorFunction,
  catchError,
  defer,
  mergeMap,
  take,
  throwIfEmpty,
} from 'rxjs'

/**
 * Subscribes to each inner observable as it comes, emits the first success among them, and unsubscribes
 * from the others.
 *
 * Errors once all have failed, with an `AggregateError` of their errors in the order in which they came; of
 * none, it is empty.
 */
export const firstSuccess =
  <A>(): OperatorFunction<Observable<A>, A> =>
  (answers) =>
    defer(() => {
      const errors: Error[] = []
      return answers.pipe(
        // Not `race`: to it, a failure is an end as good as any.
        mergeMap((answer, index) =>
          answer.pipe(
            catchError((error: Error) => {
              errors[index] = error
              return EMPTY
            }),
          ),
        ),
        take(1),
        throwIfEmpty(() => allFailed(errors)),
      )
    })
