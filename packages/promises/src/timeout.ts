import type { Availability, TimeoutInput } from '@overlap/workload'
import { TimeoutError, checkTimeout } from '@overlap/workload'
import type { Backend } from './backend.ts'
import { combine } from './combine.ts'
import { scope } from './scope.ts'
import { sleep } from './sleep.ts'

/**
 * Combines, or gives up after `ms`.
 *
 * Rejects with the first error, or with a `TimeoutError`. The scope aborts whichever of the two has
 * lost: both calls, or the timer.
 */
export async function timeout(
  backend: Backend,
  input: TimeoutInput,
  signal: AbortSignal,
): Promise<Availability> {
  checkTimeout(input)
  const { sku, ms } = input
  // Not `AbortSignal.timeout`: its timer cannot be cleared.
  return scope(signal, (inTime) => Promise.race([combine(backend, sku, inTime), expire(ms, inTime)]))
}

async function expire(ms: number, signal: AbortSignal): Promise<never> {
  await sleep(ms, signal)
  throw new TimeoutError(ms)
}
