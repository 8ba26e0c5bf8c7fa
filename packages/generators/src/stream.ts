import type { Availability, StreamInput } from '@overlap/workload'
import { checkLimit } from '@overlap/workload'
import type { Backend } from './backend.ts'
import { combine } from './combine.ts'
import { type Operation, all } from './operation.ts'

/**
 * Yields each availability as it arrives, at most `limit` ahead of the consumer.
 *
 * Emits in the order of completion. `emit` waits until its availability has been read, and a product
 * holds its place until then. Throws the first error, before what is unread, after `all` has cancelled
 * the rest.
 */
export function* stream(
  backend: Backend,
  input: StreamInput,
  emit: (availability: Availability) => Operation<void>,
): Operation<void> {
  checkLimit(input)
  const { skus, limit } = input
  const left = skus.values()
  const places = Array.from({ length: Math.min(limit, skus.length) }, place)
  yield* all(...places)

  function* place(): Operation<void> {
    for (const sku of left) yield* emit(yield* combine(backend, sku))
  }
}
