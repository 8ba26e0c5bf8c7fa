import { allFailed } from '@overlap/workload'
import { scope } from './scope.ts'

/**
 * Resolves with the first success among the promises of `start`, and then aborts the others.
 *
 * Rejects once all have failed, with an `AggregateError` of their errors in the order of the promises; of
 * none, it is empty. Rejects with the reason once `signal` aborts.
 */
export async function firstSuccess<A>(
  signal: AbortSignal,
  start: (signal: AbortSignal) => readonly Promise<A>[],
): Promise<A> {
  try {
    return await scope(signal, (racing) => Promise.any(start(racing)))
  } catch (error) {
    // To `Promise.any`, an abort is one more failure of each.
    signal.throwIfAborted()
    throw error instanceof AggregateError ? allFailed(error.errors) : error
  }
}
