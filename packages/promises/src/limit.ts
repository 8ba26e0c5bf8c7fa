import type { Availability, LimitInput } from '@overlap/workload'
import { checkLimit } from '@overlap/workload'
import pLimit from 'p-limit'
import type { Backend } from './backend.ts'
import { combine } from './combine.ts'
import { scope } from './scope.ts'

/**
 * Combines every sku, at most `limit` at a time, and answers in the order of `skus`.
 *
 * Rejects with the first error, after it has aborted the others. Those that wait start in the order of
 * `skus`, each in the place of one that is done.
 */
export async function limit(
  backend: Backend,
  input: LimitInput,
  signal: AbortSignal,
): Promise<readonly Availability[]> {
  checkLimit(input)
  // Of no sku, nothing else would look at it.
  signal.throwIfAborted()
  const { skus, limit: concurrency } = input
  return scope(signal, (all) => {
    const places = pLimit(concurrency)
    return places.map(skus, async (sku) => {
      try {
        return await combine(backend, sku, all)
      } catch (error) {
        // A failure frees its place like a success: the next one would start before the scope has heard of it.
        // Without `rejectOnClear`, so that the first rejection is this error.
        places.clearQueue()
        throw error
      }
    })
  })
}
