import type { Availability, LimitInput } from '@overlap/workload'
import type { Backend } from './backend.ts'
import { combine } from './combine.ts'

/**
 * Combines every sku, at most `limit` at a time, and answers in the order of `skus`.
 *
 * What it leaves running: the rest of a chunk, after the first error, and all that follows when the caller leaves.
 * On the way, each chunk waits for its slowest product, and the places of the others are empty meanwhile.
 */
export async function limit(
  backend: Backend,
  { skus, limit: size }: LimitInput,
): Promise<readonly Availability[]> {
  const all: Availability[] = []
  for (let start = 0; start < skus.length; start += size) {
    const chunk = skus.slice(start, start + size)
    all.push(...(await Promise.all(chunk.map((sku) => combine(backend, sku)))))
  }
  return all
}
