import type { Reservation, RetryInput } from '@overlap/workload'
import { backoffMs, checkRetry, isRetriable } from '@overlap/workload'
import { type Observable, retry as tryAgain, throwError, timer } from 'rxjs'
import type { Backend } from './backend.ts'

/**
 * Fetches the reservation in at most `attempts` calls, and waits longer after each failure.
 *
 * Emits one reservation. Errors with the first error that is not worth another attempt, or with the last
 * one. Either a call or a timer is subscribed to, and that is what is unsubscribed from.
 */
export function retry(backend: Backend, input: RetryInput): Observable<Reservation> {
  checkRetry(input)
  const { sku, attempts } = input
  return backend.fetchReservation(sku).pipe(
    tryAgain({
      count: attempts - 1,
      delay: (error, failures) =>
        isRetriable(error) ? timer(backoffMs(failures, input)) : throwError(() => error),
    }),
  )
}
