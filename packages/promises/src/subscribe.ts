import type { Channel, Message, SubscribeInput } from '@overlap/workload'
import { OverflowError, checkSubscribe } from '@overlap/workload'
import type { Backend } from './backend.ts'
import { openScope } from './scope.ts'

/**
 * Merges endless channels into one sequence, in order of arrival, until the consumer leaves.
 *
 * Throws the first error of a channel, or an `OverflowError` for the message that comes when `capacity`
 * are unread: before what is unread, and it has aborted every channel as soon as it happened. Leaving
 * aborts them too.
 */
export async function* subscribe(
  backend: Backend,
  input: SubscribeInput,
  signal: AbortSignal,
): AsyncGenerator<Message, void> {
  checkSubscribe(input)
  const { channels, capacity } = input
  const unread: Message[] = []
  let arrival = Promise.withResolvers<void>()
  const listening = openScope(signal)

  function receive(message: Message) {
    if (unread.length < capacity) unread.push(message)
    else listening.abort(new OverflowError(capacity))
    arrival.resolve()
  }
  // Handles its own failure: while the generator rests at a `yield`, nobody else would.
  async function listen(channel: Channel) {
    try {
      await backend.listen(channel, receive, listening.signal)
    } catch (error) {
      listening.abort(error)
    }
    arrival.resolve()
  }

  try {
    for (const channel of channels) void listen(channel)
    for (;;) {
      // The reason is the caller's, or the first error.
      listening.signal.throwIfAborted()
      const message = unread.shift()
      if (message) yield message
      else await (arrival = Promise.withResolvers()).promise
    }
  } finally {
    listening.close()
  }
}
