import type { Channel, DatabaseError, Message, SubscribeInput } from '@overlap/workload'
import { OverflowError, checkSubscribe } from '@overlap/workload'
import { Effect, Queue, Stream } from 'effect'
import { Backend } from './backend.ts'

/**
 * Merges endless channels into one sequence, in order of arrival, until the consumer leaves.
 *
 * The queue of what is unread drops what it has no room for, and says so. Fails with the first error of a
 * channel, or with an `OverflowError` for the message that comes when `capacity` are unread: before what is
 * unread, after the scope of the arrivals has cancelled every channel.
 */
export const subscribe = (
  input: SubscribeInput,
): Stream.Stream<Message, DatabaseError | OverflowError, Backend> => {
  checkSubscribe(input)
  const { channels, capacity } = input
  return Stream.unwrap(
    Effect.gen(function* () {
      const unread = yield* Queue.dropping<Message, DatabaseError | OverflowError>(capacity)
      const keep = (message: Message) =>
        Queue.offer(unread, message).pipe(
          Effect.filterOrFail(
            (fits) => fits,
            () => new OverflowError(capacity),
          ),
        )
      const listening = Stream.runForEach(arrivals(channels), keep).pipe(
        Effect.catchCause((cause) => Effect.andThen(Queue.clear(unread), Queue.failCause(unread, cause))),
      )
      yield* Effect.forkScoped(listening)
      // One at a time: `Stream.fromQueue` takes all there is, and makes room for as much again.
      return Stream.fromEffectRepeat(Queue.take(unread))
    }),
  )
}

/** Not `Stream.mergeAll`: each channel would have a queue of its own, and with it an order of its own. */
const arrivals = (channels: readonly Channel[]) =>
  Stream.callback<Message, DatabaseError, Backend>(
    Effect.fnUntraced(function* (arrived) {
      const backend = yield* Backend
      yield* Effect.forEach(channels, (channel) => backend.listen(channel, arrived))
    }),
  )
