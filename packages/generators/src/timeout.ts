import type { Availability, TimeoutInput } from '@overlap/workload'
import { TimeoutError, checkTimeout } from '@overlap/workload'
import type { Backend } from './backend.ts'
import { combine } from './combine.ts'
import { type Operation, raceFirst, sleep } from './operation.ts'

/**
 * Combines, or gives up after `ms`.
 *
 * Throws the first error, or a `TimeoutError`, after `raceFirst` has cancelled whichever of the two has
 * lost: both calls, or the timer.
 */
export function* timeout(backend: Backend, input: TimeoutInput): Operation<Availability> {
  checkTimeout(input)
  const { sku, ms } = input
  return yield* raceFirst(combine(backend, sku), expire(ms))
}

function* expire(ms: number): Operation<never> {
  yield* sleep(ms)
  throw new TimeoutError(ms)
}
