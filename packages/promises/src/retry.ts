import type { Reservation, RetryInput } from '@overlap/workload'
import { backoffMs, checkRetry, isRetriable } from '@overlap/workload'
import type { Backend } from './backend.ts'
import { sleep } from './sleep.ts'

/**
 * Fetches the reservation in at most `attempts` calls, and waits longer after each failure.
 *
 * Rejects with the first error that is not worth another attempt, or with the last one. Either a call runs
 * or a timer, and that is what `signal` aborts.
 */
export async function retry(backend: Backend, input: RetryInput, signal: AbortSignal): Promise<Reservation> {
  checkRetry(input)
  const { sku, attempts } = input
  for (let failures = 1; ; failures++) {
    try {
      // Not `return` alone: the promise would be handed on, and its rejection not caught here.
      return await backend.fetchReservation(sku, signal)
    } catch (error) {
      if (failures === attempts || !isRetriable(error)) throw error
      await sleep(backoffMs(failures, input), signal)
    }
  }
}
