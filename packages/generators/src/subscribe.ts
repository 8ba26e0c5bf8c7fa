import type { Message, SubscribeInput } from '@overlap/workload'
import { OverflowError, checkSubscribe } from '@overlap/workload'
import type { Backend } from './backend.ts'
import { type Operation, type Queue, all, queue } from './operation.ts'

/**
 * Merges endless channels into one sequence, in order of arrival, until the consumer leaves.
 *
 * `emit` waits until its message has been read. Throws the first error of a channel, or an `OverflowError`
 * for the message that comes when `capacity` are unread: before what is unread, after `all` has cancelled
 * every channel.
 */
export function* subscribe(
  backend: Backend,
  input: SubscribeInput,
  emit: (message: Message) => Operation<void>,
): Operation<void> {
  checkSubscribe(input)
  const { channels, capacity } = input
  const arrived = queue<Message>()
  /** What has arrived, and what waits in `emit`. */
  let unread = 0
  yield* all(...channels.map((channel) => backend.listen(channel, takeIn)), handOver())

  function* takeIn(messages: Queue<Message>): Operation<void> {
    for (;;) {
      const { done, value: message } = yield* messages.take()
      if (done) return
      if (unread === capacity) throw new OverflowError(capacity)
      unread++
      arrived.put(message)
    }
  }
  function* handOver(): Operation<void> {
    for (;;) {
      const { done, value: message } = yield* arrived.take()
      if (done) return
      yield* emit(message)
      unread--
    }
  }
}
