import type { DatabaseError, Done, Message, SubscribeInput, Subscription } from '@overlap/workload'
import { OverflowError, checkSubscribe } from '@overlap/workload'
import type { Backend } from './backend.ts'

/**
 * Merges endless channels into one sequence, in order of arrival, until the consumer leaves.
 *
 * Calls `emit` once for each `request`. Calls `done` with the first error of a channel, or with an
 * `OverflowError` for the message that comes when `capacity` are unread: before what is unread, and after
 * it has cancelled every channel.
 */
export function subscribe(
  backend: Backend,
  input: SubscribeInput,
  emit: (message: Message) => void,
  done: Done<void, DatabaseError | OverflowError>,
): Subscription {
  checkSubscribe(input)
  const { channels, capacity } = input
  const unread: Message[] = []
  let requested = 0
  const cancels = channels.map((channel) => backend.listen(channel)(receive, end))

  function request() {
    const message = unread.shift()
    if (message) emit(message)
    else requested++
  }
  function receive(message: Message) {
    if (requested > 0) {
      requested--
      emit(message)
    } else if (unread.length < capacity) unread.push(message)
    else end(new OverflowError(capacity))
  }
  function end(error: DatabaseError | OverflowError | null) {
    cancel()
    done(error)
  }
  function cancel() {
    unread.length = 0
    for (const cancelListen of cancels) cancelListen()
  }
  return { request, cancel }
}
