import type { Cancel, Done } from './port.ts'

/** A sequence that has been started, as its reader holds it. */
export interface Subscription {
  /** Asks for one more value. What cannot be held back does not heed it. */
  readonly request: () => void
  /** Stops it. Synchronous and idempotent; nothing is emitted afterwards. */
  readonly cancel: Cancel
}

/**
 * Reads a cancellable sequence as an async iterable, and cancels it when `signal` aborts or the reader
 * leaves. Each iterator starts the sequence once, with its first `next()`, and every `next()` requests
 * one value. Whoever heeds that never has an unread value here.
 *
 * `emit` and `done` may be called by `request`, but not before `start` has returned. An error or an abort
 * comes before what is unread. `unread`: what to keep of values that nobody has asked for yet.
 *
 * Source: `request` is that of Reactive Streams (https://www.reactive-streams.org)
 */
export function toAsyncIterable<A>(
  start: (emit: (value: A) => void, done: Done<void>) => Subscription,
  signal: AbortSignal,
  unread: 'all' | 'newest' = 'all',
): AsyncIterable<A> {
  return { [Symbol.asyncIterator]: () => iterate(start, signal, unread) }
}

function iterate<A>(
  start: (emit: (value: A) => void, done: Done<void>) => Subscription,
  signal: AbortSignal,
  keep: 'all' | 'newest',
): AsyncIterator<A, undefined> {
  let subscription: Subscription | undefined
  let unread: A[] = []
  let readers: PromiseWithResolvers<IteratorResult<A, undefined>>[] = []
  let ended = false
  /** What the next `next()` rejects with. */
  let failure: { readonly error: unknown } | undefined

  function emit(value: A) {
    if (ended) throw new Error('emit was called after done or cancel')
    const reader = readers.shift()
    if (reader) return reader.resolve({ done: false, value })
    if (keep === 'newest') unread = []
    unread.push(value)
  }
  function end(failed?: { readonly error: unknown }) {
    ended = true
    signal.removeEventListener('abort', abort)
    const waiting = readers
    readers = []
    if (failed) {
      unread = []
      const first = waiting.shift()
      if (first) first.reject(failed.error)
      else failure = failed
    }
    for (const reader of waiting) reader.resolve({ done: true, value: undefined })
  }
  function done(error: Error | null) {
    if (ended) throw new Error('done was called again, or after cancel')
    end(error ? { error } : undefined)
  }
  function abort() {
    subscription?.cancel()
    end({ error: signal.reason })
  }

  return {
    next() {
      const reader = Promise.withResolvers<IteratorResult<A, undefined>>()
      const value = unread.shift()
      if (failure) {
        reader.reject(failure.error)
        failure = undefined
      } else if (value !== undefined) {
        reader.resolve({ done: false, value })
      } else if (ended) {
        reader.resolve({ done: true, value: undefined })
      } else {
        readers.push(reader)
        begin()
      }
      return reader.promise
    },
    return() {
      if (!ended) {
        subscription?.cancel()
        end()
      }
      unread = []
      failure = undefined
      return Promise.resolve({ done: true, value: undefined })
    },
  }

  function begin() {
    if (!subscription) {
      if (signal.aborted) return end({ error: signal.reason })
      try {
        subscription = start(emit, done)
      } catch (error) {
        return end({ error })
      }
      // `start` itself may have aborted the signal, and its listeners are not called twice.
      if (signal.aborted) return abort()
      signal.addEventListener('abort', abort, { once: true })
    }
    subscription.request()
  }
}
