import { allFailed } from '@overlap/workload'
import { Effect } from 'effect'

/**
 * Runs every effect at the same time, and succeeds with the first success, after it has interrupted the
 * other fibers.
 *
 * Fails once all have failed, with an `AggregateError` of their errors in the order of the effects; of
 * none, it is empty. A defect is not a failure: it ends all of them.
 */
export const firstSuccess = <A, E extends Error, R>(
  effects: readonly Effect.Effect<A, E, R>[],
): Effect.Effect<A, AggregateError, R> =>
  // Flipped, `Effect.all` ends with the first success, and gathers the errors in order. `Effect.raceAll`
  // keeps them in the order of failing, and of no effects it never ends.
  Effect.all(effects.map(Effect.flip), { concurrency: 'unbounded' }).pipe(Effect.map(allFailed), Effect.flip)
