import type { Port } from '@overlap/workload'
import type { Run } from './trial.ts'

/**
 * Makes one run of a sequence, which reads it to its end as eagerly as can be and answers all of it: so the
 * standing clauses can judge it like every other run.
 *
 * Not `for await`: it would hide a `next` that settles twice, or at once.
 */
export const collect =
  <I, A>(start: (port: Port, input: I, signal: AbortSignal) => AsyncIterable<A>): Run<I, readonly A[]> =>
  (port, input, signal) => {
    const values: A[] = []
    const iterator = start(port, input, signal)[Symbol.asyncIterator]()
    function read(resolve: (all: readonly A[]) => void, reject: (error: unknown) => void) {
      const take = ({ done, value }: IteratorResult<A, undefined>) => {
        if (done) return resolve(values)
        values.push(value)
        return read(resolve, reject)
      }
      const next: PromiseLike<IteratorResult<A>> = iterator.next()
      next.then(take, reject)
    }
    // oxlint-disable-next-line no-thenable
    return { then: read } as PromiseLike<readonly A[]>
  }
