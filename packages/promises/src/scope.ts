/**
 * Runs `body` with a signal for what it starts: it aborts with `signal`, or with `also`, and when `body`
 * has ended.
 *
 * So nothing outlives it: after a failure its siblings are aborted, after a success those that have
 * lost. Settles as `body` does; a signal that has aborted before aborts the inner one first. Leaves
 * no listener.
 *
 * `AbortSignal.any` says the same in a line, at ten times the price: about 10 µs for each scope.
 */
export async function scope<A>(
  signal: AbortSignal,
  body: (signal: AbortSignal) => Promise<A>,
  also?: AbortSignal,
): Promise<A> {
  const inner = new AbortController()
  const abort = () => inner.abort(signal.aborted ? signal.reason : also?.reason)
  if (signal.aborted || also?.aborted) abort()
  signal.addEventListener('abort', abort, { once: true })
  also?.addEventListener('abort', abort, { once: true })
  try {
    return await body(inner.signal)
  } finally {
    signal.removeEventListener('abort', abort)
    also?.removeEventListener('abort', abort)
    inner.abort(over)
  }
}

/** Nobody sees it, and to make an error for each scope would cost more than the scope. */
const over = 'the scope is over'
