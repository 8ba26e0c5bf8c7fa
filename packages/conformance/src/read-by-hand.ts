import type { Port } from '@overlap/workload'
import type { Run } from './trial.ts'

/**
 * Makes one run of a sequence whose consumer is an actor: `pull` asks for one value more, `leave` leaves.
 * The run answers what has been read, once the sequence has told of its end or the consumer has left.
 *
 * A failure is told to who asks next, so after an abort the consumer asks once more.
 */
export const readByHand =
  <I, A>(start: (port: Port, input: I, signal: AbortSignal) => AsyncIterable<A>): Run<I, readonly A[]> =>
  (port, input, signal, controls) => {
    const values: A[] = []
    const iterator = start(port, input, signal)[Symbol.asyncIterator]()
    const { promise, resolve, reject } = Promise.withResolvers<readonly A[]>()
    function pull() {
      iterator.next().then(({ done, value }) => (done ? end() : void values.push(value)), fail)
    }
    function end() {
      signal.removeEventListener('abort', pullAfterAbort)
      resolve(values)
    }
    function fail(error: unknown) {
      signal.removeEventListener('abort', pullAfterAbort)
      reject(error)
    }
    // Once everybody has heard of it.
    const pullAfterAbort = () => queueMicrotask(pull)
    if (signal.aborted) pull()
    else signal.addEventListener('abort', pullAfterAbort, { once: true })

    controls.act = (name) => {
      if (name === 'pull') pull()
      else void iterator.return?.().then(end, fail)
    }
    return promise
  }

/** What the consumer can do: leaving ends the walk, so it is rare. More than three waiting ask nothing new. */
export const consumerActs = (waiting: number): readonly string[] =>
  waiting < 3 ? ['pull', 'pull', 'pull', 'leave'] : ['leave']
