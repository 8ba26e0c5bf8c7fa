import type { Cancel, Done } from './port.ts'

/** A sequence that has been started, as its reader holds it. */
export interface Subscription {
  /** Asks for one more value. What cannot be held back does not heed it. */
  readonly request: () => void
  /** Stops it. Synchronous and idempotent; nothing is emitted afterwards. */
  readonly cancel: Cancel
}

/** Starts a sequence that its reader can hold back. */
export type Start<A> = (emit: (value: A) => void, done: Done<void>) => Subscription

/**
 * Reads a cancellable sequence as an async iterable, and cancels it when `signal` aborts or the reader
 * leaves. Each iterator starts the sequence once, with its first `next()`, and every `next()` requests
 * one value. Whoever heeds that never has an unread value here.
 *
 * `emit` and `done` may be called at once, by `start` and by `request`; what these throw is a failure. An
 * error comes before what is unread, and an abort before whatever the reader has not been told yet: values,
 * an error or the end. `unread`: what to keep of values that nobody has asked for.
 *
 * An async generator would put `return()` in a queue behind a `next()` that waits: here leaving is heard
 * at once, and that `next()` is told of the end.
 *
 * Source: `request` is that of Reactive Streams (https://www.reactive-streams.org)
 */
export function toAsyncIterable<A>(
  start: Start<A>,
  signal: AbortSignal,
  unread: 'all' | 'newest' = 'all',
): AsyncIterable<A> {
  return { [Symbol.asyncIterator]: () => iterate(start, signal, unread) }
}

function iterate<A>(
  start: Start<A>,
  signal: AbortSignal,
  keep: 'all' | 'newest',
): AsyncIterator<A, undefined> {
  let subscription: Subscription | undefined
  let unread: A[] = []
  let readers: PromiseWithResolvers<IteratorResult<A, undefined>>[] = []
  let ended = false
  /** Whether the reader knows that it has ended. */
  let told = false
  /** What the next `next()` rejects with. */
  let failure: { readonly error: unknown } | undefined

  function emit(value: A) {
    if (ended) throw new Error('emit was called after done or cancel')
    const reader = readers.shift()
    if (reader) return reader.resolve({ done: false, value })
    if (keep === 'newest') unread = []
    unread.push(value)
  }
  function done(error: Error | null) {
    if (ended) throw new Error('done was called again, or after cancel')
    end(error ? { error } : undefined)
  }
  function end(failed?: { readonly error: unknown }) {
    ended = true
    signal.removeEventListener('abort', abort)
    const waiting = readers
    readers = []
    if (failed) {
      unread = []
      failure = failed
    }
    for (const reader of waiting) tell(reader)
  }
  function tell(reader: PromiseWithResolvers<IteratorResult<A, undefined>>) {
    told = true
    if (failure) reader.reject(failure.error)
    else reader.resolve({ done: true, value: undefined })
    failure = undefined
  }
  function abort() {
    end({ error: signal.reason })
    subscription?.cancel()
  }

  function request() {
    try {
      if (!subscription) {
        subscription = start(emit, done)
        // `start` itself may have ended it, or aborted the signal, whose listeners are not called twice.
        if (ended) return subscription.cancel()
        if (signal.aborted) return abort()
        signal.addEventListener('abort', abort, { once: true })
      }
      subscription.request()
    } catch (error) {
      if (ended) throw error
      end({ error })
      subscription?.cancel()
    }
  }

  return {
    next() {
      // Aborted before, or after the end, or by a listener that was called before this one's.
      if (signal.aborted && !told) abort()
      const reader = Promise.withResolvers<IteratorResult<A, undefined>>()
      if (unread.length > 0) reader.resolve({ done: false, value: unread.shift() as A })
      else if (ended) tell(reader)
      else readers.push(reader)
      if (!ended) request()
      return reader.promise
    },
    return() {
      if (!ended) {
        end()
        subscription?.cancel()
      }
      told = true
      unread = []
      failure = undefined
      return Promise.resolve({ done: true, value: undefined })
    },
  }
}
