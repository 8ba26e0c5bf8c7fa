import { toPromise } from '@overlap/workload'

/**
 * Resolves after `ms`. Rejects with the reason once `signal` aborts, and leaves no timer.
 *
 * `setTimeout` of `node:timers/promises` rejects with an `AbortError` instead, which holds the reason as its cause.
 */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return toPromise((done) => {
    const timer = setTimeout(done, ms, null)
    return () => clearTimeout(timer)
  }, signal)
}
