import type { Availability, PortError, TimeoutInput } from '@overlap/workload'
import { TimeoutError, checkTimeout } from '@overlap/workload'
import { Effect } from 'effect'
import type { Backend } from './backend.ts'
import { combine } from './combine.ts'

/**
 * Combines, or gives up after `ms`.
 *
 * Fails with the first error, or with a `TimeoutError` after both fibers have been interrupted.
 */
export const timeout = Effect.fnUntraced(function* (
  input: TimeoutInput,
): Effect.fn.Return<Availability, PortError | TimeoutError, Backend> {
  checkTimeout(input)
  const { sku, ms } = input
  return yield* Effect.timeoutOrElse(combine(sku), {
    duration: ms,
    orElse: () => Effect.fail(new TimeoutError(ms)),
  })
})
