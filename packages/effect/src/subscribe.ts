import type { DatabaseError, Message, SubscribeInput } from '@overlap/workload'
import { OverflowError, checkSubscribe } from '@overlap/workload'
import { type Cause, Effect, Latch, Queue, Stream } from 'effect'
import { Backend } from './backend.ts'

/**
 * Merges endless channels into one sequence, in order of arrival, until the consumer leaves.
 *
 * The queue of what is unread drops what it has no room for, and says so. Fails with the first error of a
 * channel, or with an `OverflowError` for the message that comes when `capacity` are unread: before what is
 * unread, after every fiber that listens has been interrupted.
 */
export const subscribe = (
  input: SubscribeInput,
): Stream.Stream<Message, DatabaseError | OverflowError, Backend> => {
  checkSubscribe(input)
  const { channels, capacity } = input
  return Stream.unwrap(
    Effect.gen(function* () {
      const backend = yield* Backend
      const unread = yield* Queue.dropping<Message, DatabaseError | OverflowError>(capacity)
      const overflow = yield* Latch.make()
      // Counted as it comes: in a second queue, and in front of a fiber that is behind, it would have no bound.
      const receive = (message: Message) => {
        const fits = Queue.offerUnsafe(unread, message)
        if (!fits) overflow.openUnsafe()
      }
      // A fiber for each, because a scope would close them in turns, of which many take more than one of the loop.
      const listening = Effect.forEach(channels, (channel) => backend.listen(channel, receive), {
        concurrency: 'unbounded',
      })
      // First, whoever waits gets what has come for it.
      const fail = (cause: Cause.Cause<DatabaseError | OverflowError>) =>
        Effect.yieldNow.pipe(
          Effect.andThen(Queue.clear(unread)),
          Effect.andThen(Queue.failCause(unread, cause)),
        )
      const received = Effect.raceFirst(
        listening,
        overflow.whenOpen(Effect.fail(new OverflowError(capacity))),
      )
      yield* Effect.forkScoped(Effect.catchCause(received, fail))
      // One at a time: `Stream.fromQueue` takes all there is, and makes room for as much again.
      return Stream.fromEffectRepeat(Queue.take(unread))
    }),
  )
}
