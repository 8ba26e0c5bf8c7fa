import type { Cancel, Done, HttpError, Reservation, RetryInput } from '@overlap/workload'
import { backoffMs, checkRetry, isRetriable } from '@overlap/workload'
import type { Backend } from './backend.ts'

/**
 * Fetches the reservation in at most `attempts` calls, and waits longer after each failure.
 *
 * Calls `done` with the first error that is not worth another attempt, or with the last one. Either a call
 * runs or a timer, and that is what is cancelled.
 */
export function retry(backend: Backend, input: RetryInput, done: Done<Reservation, HttpError>): Cancel {
  checkRetry(input)
  const { sku, attempts } = input
  let failures = 0
  let cancelRunning = attempt()

  function attempt(): Cancel {
    return backend.fetchReservation(sku, (error, reservation) => {
      if (!error) return done(null, reservation)
      failures++
      if (failures === attempts || !isRetriable(error)) return done(error)
      cancelRunning = wait(backoffMs(failures, input))
    })
  }
  function wait(ms: number): Cancel {
    const timer = setTimeout(() => {
      cancelRunning = attempt()
    }, ms)
    return () => clearTimeout(timer)
  }
  // Not `return cancelRunning`: what runs, changes.
  return () => cancelRunning()
}
