/**
 * Follows the feed for one client: first what it has missed, as fast as it reads, and then what comes, in a style.
 *
 * The next message is asked for when the one before has left the process. What comes meanwhile is unread in the
 * style, and when that is too much, the client is too slow: it is told, and let go. When that is too much although
 * it reads, there was a burst, and it goes on from the log.
 */
import { type DatabaseError, type Message, OverflowError } from '@overlap/workload'
import { handOver } from './answers.ts'
import type { FeedReader } from './feed-log.ts'
import type { Run } from './run.ts'

/** Messages that are read from the log at a time. */
export const PAGE = 100

/** How long a client may take for the message in hand when there is no more room, until it is too slow. */
const PATIENCE_MS = 100

interface Following {
  /** Is closed at the end. */
  readonly reader: FeedReader
  /** When it is cancelled, it is over. */
  readonly run: Run
  readonly capacity: number
  /** Subscribes to what the reader listens to. */
  readonly start: () => AsyncIterable<Message>
  readonly send: (message: Message, sent: (error?: Error | null) => void) => void
}

/** Resolves when it is over, with why. */
export async function follow({ reader, run, capacity, start, send }: Following): Promise<unknown> {
  const { signal } = run
  let sending = false
  let timer: NodeJS.Timeout | undefined
  let failure: DatabaseError | undefined
  let { position } = reader

  async function sendOne(message: Message) {
    sending = true
    await handOver((sent) => send(message, sent), signal)
    sending = false
    position = message.id
  }
  // A style tells what it fails with when the next message is asked for, and while the client does not read, none is.
  reader.onEnd = (error) => {
    failure ??= error
    const at = position
    clearTimeout(timer)
    timer = setTimeout(() => {
      if (sending && at === position) run.cancel(failure ?? new OverflowError(capacity))
    }, PATIENCE_MS)
  }

  try {
    for (;;) {
      for (let missed = reader.take(PAGE); missed.length > 0; missed = reader.take(PAGE))
        for (const message of missed) await sendOne(message)
      try {
        for await (const message of start()) await sendOne(message)
        throw new Error('the messages have ended')
      } catch (error) {
        if (!(error instanceof OverflowError) || signal.aborted) throw error
        reader.goBack(position)
      }
    }
  } catch (error) {
    return error
  } finally {
    clearTimeout(timer)
    reader.onEnd = undefined
    reader.close()
  }
}
