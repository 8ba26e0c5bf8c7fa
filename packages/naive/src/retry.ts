import type { Reservation, RetryInput } from '@overlap/workload'
import { backoffMs } from '@overlap/workload'
import type { Backend } from './backend.ts'
import { sleep } from './sleep.ts'

/**
 * Fetches the reservation in at most `attempts` calls, and waits longer after each failure.
 *
 * What it leaves running: itself. The loop knows of no caller, so it waits and calls on when that has left. It
 * also tries again what will fail again: a product that is not there is asked for `attempts` times.
 */
export async function retry(backend: Backend, input: RetryInput): Promise<Reservation> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await backend.fetchReservation(input.sku)
    } catch (error) {
      if (attempt === input.attempts) throw error
      await sleep(backoffMs(attempt, input))
    }
  }
}
