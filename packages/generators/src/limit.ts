import type { Availability, LimitInput } from '@overlap/workload'
import { checkLimit } from '@overlap/workload'
import type { Backend } from './backend.ts'
import { combine } from './combine.ts'
import { type Operation, all } from './operation.ts'

/**
 * Combines every sku, at most `limit` at a time, and answers in the order of `skus`.
 *
 * Throws the first error, after `all` has cancelled the others. Those that wait start in the order of
 * `skus`, each in the place of one that is done.
 */
export function* limit(backend: Backend, input: LimitInput): Operation<readonly Availability[]> {
  checkLimit(input)
  const { skus } = input
  const waiting = skus.entries()
  const answers: Availability[] = []

  // All places take from one iterator, so each sku is taken once.
  function* fillPlace(): Operation<void> {
    for (const [index, sku] of waiting) answers[index] = yield* combine(backend, sku)
  }
  const places = Math.min(input.limit, skus.length)
  yield* all(...Array.from({ length: places }, fillPlace))
  return answers
}
