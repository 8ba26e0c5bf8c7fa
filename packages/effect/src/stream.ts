import type { Availability, PortError, StreamInput } from '@overlap/workload'
import { checkLimit } from '@overlap/workload'
import { Effect, Queue, Stream } from 'effect'
import type { Backend } from './backend.ts'
import { combine } from './combine.ts'

/**
 * Yields each availability as it arrives, at most `limit` ahead of the consumer.
 *
 * In the order of completion. The queue has no room: to offer is to wait until the value has been taken,
 * and a product holds its place until then. Fails with the first error, before what is unread, after
 * `Effect.forEach` has interrupted the rest.
 */
export const stream = (input: StreamInput): Stream.Stream<Availability, PortError, Backend> => {
  checkLimit(input)
  const { skus, limit } = input
  // Not `Stream.mapEffect`: it keeps the bound, but hands over what is unread before an error.
  return Stream.callback(
    (unread) =>
      Effect.forEach(skus, (sku) => Effect.flatMap(combine(sku), (value) => Queue.offer(unread, value)), {
        concurrency: limit,
        discard: true,
      }).pipe(Effect.andThen(Queue.end(unread))),
    { bufferSize: 0 },
  )
}
