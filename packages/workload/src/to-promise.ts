import type { Cancel, Done } from './port.ts'

/**
 * Runs a cancellable callback to its end as a promise, and cancels it when `signal` aborts.
 *
 * Rejects with the error, with `signal.reason` once it aborts, or with what `start` throws. A signal
 * that has aborted before starts nothing. A promise would hide a `done` that is called again, or
 * after cancel: here that throws into its caller.
 */
export function toPromise<A>(start: (done: Done<A>) => Cancel, signal: AbortSignal): Promise<A> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted()
    let settled = false

    const cancel = start((error, value) => {
      if (settled) throw new Error('done was called again, or after cancel')
      settled = true
      signal.removeEventListener('abort', abort)
      if (error) reject(error)
      else resolve(value as A)
    })
    function abort() {
      settled = true
      cancel()
      reject(signal.reason)
    }
    if (settled) return
    // `start` itself may have aborted the signal, and its listeners are not called twice.
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort, { once: true })
  })
}
