import { type Port, type Style, toAsyncIterable, toPromise } from '@overlap/workload'
import { type Backend, liftBackend, withSource } from './backend.ts'
import { combine } from './combine.ts'
import { latest } from './latest.ts'
import { type Operation, queue, run as runOperation } from './operation.ts'
import { sequence } from './sequence.ts'
import { stream } from './stream.ts'
import { timeout } from './timeout.ts'

/** Leaves generators: the end of the operation settles a promise, and an abort is a cancel. */
const run =
  <I, A>(scenario: (backend: Backend, input: I) => Operation<A>) =>
  (port: Port, input: I, signal: AbortSignal): Promise<A> =>
    toPromise((done) => runOperation(scenario(liftBackend(port), input), done), signal)

/** The same for many values: to emit one is to wait until it has been requested. */
const iterate =
  <I, A>(scenario: (backend: Backend, input: I, emit: (value: A) => Operation<void>) => Operation<void>) =>
  (port: Port, input: I, signal: AbortSignal): AsyncIterable<A> =>
    toAsyncIterable((emit, done) => {
      const requests = queue<void>()
      function* emitRequested(value: A): Operation<void> {
        yield* requests.take()
        emit(value)
      }
      const cancel = runOperation(scenario(liftBackend(port), input, emitRequested), done)
      return { request: requests.put, cancel }
    }, signal)

export const generators: Style = {
  name: 'generators',
  sequence: run(sequence),
  combine: run(combine),
  timeout: run(timeout),
  stream: iterate(stream),
  latest: (port, skus, signal) =>
    toAsyncIterable(
      (emit, done) => {
        const operation = withSource(skus, (queued) => latest(liftBackend(port), queued, emit))
        return { request() {}, cancel: runOperation(operation, done) }
      },
      signal,
      'newest',
    ),
}
