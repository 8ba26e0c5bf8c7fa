import { allFailed } from '@overlap/workload'
import { type Operation, any } from './operation.ts'

/**
 * Runs operations at the same time, and returns the result of the first that succeeds, after it has
 * cancelled the others.
 *
 * Throws once all have failed, with an `AggregateError` of their errors in the order of the operations; of
 * none, it is empty.
 */
export function* firstSuccess<A>(operations: readonly Operation<A>[]): Operation<A> {
  try {
    return yield* any(...operations)
  } catch (error) {
    throw error instanceof AggregateError ? allFailed(error.errors) : error
  }
}
