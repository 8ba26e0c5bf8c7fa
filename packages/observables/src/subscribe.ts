import type { Message, SubscribeInput } from '@overlap/workload'
import { OverflowError, checkSubscribe } from '@overlap/workload'
import { type Observable, defer, delayWhen, merge, tap } from 'rxjs'
import type { Backend } from './backend.ts'

/**
 * Merges endless channels into one sequence, in order of arrival, until the consumer leaves.
 *
 * Each subscription to `demand` waits for one request of the consumer, in the order of subscribing, and a
 * message is unread until then. Errors with the first error of a channel, or with an `OverflowError` for
 * the message that comes when `capacity` are unread: before what is unread, after `merge` has unsubscribed
 * from every channel.
 */
export function subscribe(
  backend: Backend,
  input: SubscribeInput,
  demand: Observable<void>,
): Observable<Message> {
  checkSubscribe(input)
  const { channels, capacity } = input
  return defer(() => {
    let unread = 0
    return merge(...channels.map((channel) => backend.listen(channel))).pipe(
      tap(() => {
        if (unread++ === capacity) throw new OverflowError(capacity)
      }),
      delayWhen(() => demand),
      tap(() => unread--),
    )
  })
}
