import type { Message, SubscribeInput } from '@overlap/workload'
import type { Backend } from './backend.ts'

/**
 * Merges endless channels into one sequence, in order of arrival, until the consumer leaves.
 *
 * What it leaves running: every channel, for ever, and a queue without a bound that goes on filling. A channel
 * that fails is told to nobody: its messages just do not come any more.
 */
export async function* subscribe(
  backend: Backend,
  { channels }: Pick<SubscribeInput, 'channels'>,
): AsyncGenerator<Message, void> {
  const unread: Message[] = []
  let wake = () => {}

  for (const channel of channels) {
    backend.listen(channel, (message) => {
      unread.push(message)
      wake()
    })
  }
  for (;;) {
    const message = unread.shift()
    if (message) yield message
    else await new Promise<void>((resolve) => (wake = resolve))
  }
}
