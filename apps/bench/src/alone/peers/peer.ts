/** What the libraries beside the styles have in common. */
import type { Availability, Done, Port, Sku, Style } from '@overlap/workload'

/** Starts `combine` as an expert of that library would, and returns what its starter holds. `done` hears of the end. */
export type Open = (port: Port, done: Done<Availability>) => (sku: Sku) => unknown

/** The same, of a library whose `combine` is a promise. */
export const openPromised =
  (combineOn: (port: Port) => (sku: Sku) => PromiseLike<Availability>): Open =>
  (port, done) => {
    const combine = combineOn(port)
    const succeed = (availability: Availability) => done(null, availability)
    return (sku) => combine(sku).then(succeed, done)
  }

/** What the suite can judge of it. */
export type Adapted = Pick<Style, 'name' | 'combine'>

/**
 * Settles as `start` does, or rejects with the reason once `signal` aborts: whoever has no way to stop what runs can at
 * least stop waiting for it.
 */
export async function stopWaiting<A>(start: () => PromiseLike<A>, signal: AbortSignal): Promise<A> {
  signal.throwIfAborted()
  const { promise, reject } = Promise.withResolvers<never>()
  const abort = () => reject(signal.reason)
  signal.addEventListener('abort', abort)
  try {
    return await Promise.race([start(), promise])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
