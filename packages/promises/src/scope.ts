/** What starts several calls, holds their signal, and closes in a `finally`. */
export interface Scope {
  /** Aborts with the signals of the scope's opener, by `abort`, or when it is closed. */
  readonly signal: AbortSignal
  readonly abort: (reason: unknown) => void
  /** Aborts what still runs, and leaves no listener. */
  readonly close: () => void
}

/**
 * Opens a scope by hand, where its body is no function but an async generator. Its signal aborts with
 * `signal`, or with `also`: a signal that has aborted before aborts it first.
 *
 * `AbortSignal.any` says the same in a line, at ten times the price: about 10 µs for each scope.
 */
export function openScope(signal: AbortSignal, also?: AbortSignal): Scope {
  const inner = new AbortController()
  const abort = () => inner.abort(signal.aborted ? signal.reason : also?.reason)
  if (signal.aborted || also?.aborted) abort()
  signal.addEventListener('abort', abort)
  also?.addEventListener('abort', abort)
  return {
    signal: inner.signal,
    abort: (reason) => inner.abort(reason),
    close() {
      signal.removeEventListener('abort', abort)
      also?.removeEventListener('abort', abort)
      inner.abort(over)
    },
  }
}

/**
 * Runs `body` with a signal for what it starts: it aborts with `signal`, or with `also`, and when `body`
 * has ended.
 *
 * So nothing outlives it: after a failure its siblings are aborted, after a success those that have
 * lost. Settles as `body` does. Leaves no listener.
 */
export async function scope<A>(
  signal: AbortSignal,
  body: (signal: AbortSignal) => Promise<A>,
  also?: AbortSignal,
): Promise<A> {
  const inner = openScope(signal, also)
  try {
    return await body(inner.signal)
  } finally {
    inner.close()
  }
}

/** Nobody sees it, and to make an error for each scope would cost more than the scope. */
const over = 'the scope is over'
