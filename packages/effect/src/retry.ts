import type { HttpError, Reservation, RetryInput } from '@overlap/workload'
import { backoffMs, checkRetry, isRetriable } from '@overlap/workload'
import { Effect, Schedule } from 'effect'
import { Backend } from './backend.ts'

/**
 * Fetches the reservation in at most `attempts` calls, and waits longer after each failure.
 *
 * Fails with the first error that is not worth another attempt, or with the last one. Either a call or a
 * wait runs, and that is what is interrupted.
 */
export const retry = Effect.fnUntraced(function* (
  input: RetryInput,
): Effect.fn.Return<Reservation, HttpError, Backend> {
  checkRetry(input)
  const { sku, attempts } = input
  const backend = yield* Backend
  return yield* Effect.retry(
    backend.fetchReservation(sku),
    Schedule.recurs(attempts - 1).pipe(
      Schedule.setInputType<HttpError>(),
      Schedule.while(({ input: error }) => isRetriable(error)),
      // Last, because a `while` around it would draw the wait before it decides against it.
      Schedule.modifyDelay(({ attempt }) => Effect.sync(() => backoffMs(attempt, input))),
    ),
  )
})
