import type { Availability, Sku, StreamInput } from '@overlap/workload'
import { checkLimit } from '@overlap/workload'
import type { Backend } from './backend.ts'
import { combine } from './combine.ts'
import { openScope } from './scope.ts'

/**
 * Yields each availability as it arrives, at most `limit` ahead of the consumer.
 *
 * In the order of completion. A product holds its place until its availability has been yielded. Throws
 * the first error, before what is unread, and has aborted the rest as soon as it happened; leaving
 * early aborts what runs.
 */
export async function* stream(
  backend: Backend,
  input: StreamInput,
  signal: AbortSignal,
): AsyncGenerator<Availability, void> {
  checkLimit(input)
  const { skus, limit } = input
  const left = skus.values()
  const unread: Availability[] = []
  let running = 0
  let arrival = Promise.withResolvers<void>()
  const ahead = openScope(signal)

  function startMore() {
    while (running + unread.length < limit) {
      const { value: sku } = left.next()
      if (sku === undefined) break
      void start(sku)
    }
  }
  // Handles its own failure: while the generator rests at a `yield`, nobody else would.
  async function start(sku: Sku) {
    running++
    try {
      unread.push(await combine(backend, sku, ahead.signal))
    } catch (error) {
      ahead.abort(error)
    }
    running--
    arrival.resolve()
  }

  try {
    for (;;) {
      // The reason is the caller's, or the first error.
      ahead.signal.throwIfAborted()
      const availability = unread.shift()
      startMore()
      if (availability) yield availability
      else if (running > 0) await (arrival = Promise.withResolvers()).promise
      else return
    }
  } finally {
    ahead.close()
  }
}
