import type { Availability, Sku, StreamInput } from '@overlap/workload'
import type { Backend } from './backend.ts'
import { combine } from './combine.ts'

/**
 * Yields each availability as it arrives, at most `limit` ahead of the consumer.
 *
 * What it leaves running: up to `limit` products, when the consumer leaves or one of them fails. Of those that
 * arrive while the consumer is busy, `Promise.race` takes the first in the list, and not the first to arrive.
 *
 * Source: tiny-async-pool (https://github.com/rxaviers/async-pool), as an async generator
 */
export async function* stream(
  backend: Backend,
  { skus, limit }: StreamInput,
): AsyncGenerator<Availability, void> {
  const running = new Map<number, Promise<[index: number, availability: Availability]>>()

  async function start(index: number, sku: Sku): Promise<[number, Availability]> {
    return [index, await combine(backend, sku)]
  }
  async function next(): Promise<Availability> {
    const [index, availability] = await Promise.race(running.values())
    running.delete(index)
    return availability
  }

  for (const [index, sku] of skus.entries()) {
    running.set(index, start(index, sku))
    if (running.size === limit) yield await next()
  }
  while (running.size > 0) yield await next()
}
