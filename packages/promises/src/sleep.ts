import { toPromise } from '@overlap/workload'

/** Resolves after `ms`. Rejects with the reason once `signal` aborts, and leaves no timer. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return toPromise((done) => {
    const timer = setTimeout(done, ms, null)
    return () => clearTimeout(timer)
  }, signal)
}
