import type { Availability, LimitInput, PortError } from '@overlap/workload'
import { checkLimit } from '@overlap/workload'
import { Effect } from 'effect'
import type { Backend } from './backend.ts'
import { combine } from './combine.ts'

/**
 * Combines every sku, at most `limit` at a time, and answers in the order of `skus`.
 *
 * Fails with the first error, after `Effect.forEach` has interrupted the others. Those that wait start in
 * the order of `skus`, each in the place of one that is done.
 */
export const limit = Effect.fnUntraced(function* (
  input: LimitInput,
): Effect.fn.Return<readonly Availability[], PortError, Backend> {
  checkLimit(input)
  return yield* Effect.forEach(input.skus, (sku) => combine(sku), { concurrency: input.limit })
})
