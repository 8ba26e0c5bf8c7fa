import type { Port } from '@overlap/workload'
import type { Run } from './trial.ts'

/**
 * Makes one run of a sequence, which reads it to its end as eagerly as can be and answers all of it: so the
 * standing clauses can judge it like every other run. Of an endless one it reads so `many`, and leaves.
 *
 * Not `for await`: it would hide a `next` that settles twice, or at once.
 */
export const collect =
  <I, A>(
    start: (port: Port, input: I, signal: AbortSignal) => AsyncIterable<A>,
    many = Infinity,
  ): Run<I, readonly A[]> =>
  (port, input, signal) => {
    const values: A[] = []
    const iterator = start(port, input, signal)[Symbol.asyncIterator]()
    function read(resolve: (all: readonly A[]) => void, reject: (error: unknown) => void) {
      const take = ({ done, value }: IteratorResult<A, undefined>) => {
        if (done) return resolve(values)
        values.push(value)
        if (values.length === many) return leave(resolve, reject)
        return read(resolve, reject)
      }
      const next: PromiseLike<IteratorResult<A>> = iterator.next()
      next.then(take, reject)
    }
    function leave(resolve: (all: readonly A[]) => void, reject: (error: unknown) => void) {
      const left: PromiseLike<unknown> = iterator.return?.() ?? Promise.resolve()
      left.then(() => resolve(values), reject)
    }
    // oxlint-disable-next-line no-thenable
    return { then: read } as PromiseLike<readonly A[]>
  }
