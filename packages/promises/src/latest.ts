import type { Availability, Sku } from '@overlap/workload'
import type { Backend } from './backend.ts'
import { combine } from './combine.ts'
import { scope } from './scope.ts'

/**
 * Answers the newest sku: a new one cancels the one before.
 *
 * Yields each answer, and returns when the last sku has been answered and there is no more. Throws the
 * first error, of the input or of a call, after it has aborted the call and left the input.
 */
export async function* latest(
  backend: Backend,
  skus: AsyncIterable<Sku>,
  signal: AbortSignal,
): AsyncGenerator<Availability, void> {
  const input = skus[Symbol.asyncIterator]()
  try {
    let next = await input.next()
    while (!next.done) {
      const { value: sku } = next
      const following = input.next()
      const availability = await scope(signal, (overtaken) =>
        Promise.race([combine(backend, sku, overtaken), overtake(following)]),
      )
      if (availability) yield availability
      next = await following
    }
  } finally {
    await input.return?.()
  }
}

/** Resolves with nothing once there is a newer sku. The end of the input overtakes nobody. */
async function overtake(following: Promise<IteratorResult<Sku>>): Promise<void> {
  const { done } = await following
  if (done) await Promise.withResolvers<void>().promise
}
