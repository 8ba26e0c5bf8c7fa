import type { Reservation, RetryInput } from '@overlap/workload'
import { backoffMs, checkRetry, isRetriable } from '@overlap/workload'
import type { Backend } from './backend.ts'
import { type Operation, sleep } from './operation.ts'

/**
 * Fetches the reservation in at most `attempts` calls, and waits longer after each failure.
 *
 * Throws the first error that is not worth another attempt, or the last one. Either a call runs or a
 * timer, and that is what is cancelled.
 */
export function* retry(backend: Backend, input: RetryInput): Operation<Reservation> {
  checkRetry(input)
  const { sku, attempts } = input
  for (let failures = 1; ; failures++) {
    try {
      return yield* backend.fetchReservation(sku)
    } catch (error) {
      if (failures === attempts || !isRetriable(error)) throw error
      yield* sleep(backoffMs(failures, input))
    }
  }
}
