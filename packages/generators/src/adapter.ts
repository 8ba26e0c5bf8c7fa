import { type Port, type Style, toAsyncIterable, toPromise } from '@overlap/workload'
import { type Backend, lift, liftBackend, withSource } from './backend.ts'
import { batch } from './batch.ts'
import { combine } from './combine.ts'
import { echo } from './echo.ts'
import { hedge } from './hedge.ts'
import { latest } from './latest.ts'
import { limit } from './limit.ts'
import { type Operation, queue, run as runOperation } from './operation.ts'
import { race } from './race.ts'
import { regulate } from './regulate.ts'
import { retry } from './retry.ts'
import { sequence } from './sequence.ts'
import { shutdown } from './shutdown.ts'
import { stream } from './stream.ts'
import { subscribe } from './subscribe.ts'
import { thumbnails } from './thumbnails.ts'
import { timeout } from './timeout.ts'
import { transaction } from './transaction.ts'

/** Leaves generators: the end of the operation settles a promise, and an abort is a cancel. */
const leave = <A>(operate: () => Operation<A>, signal: AbortSignal): Promise<A> =>
  toPromise((done) => runOperation(operate(), done), signal)

const run =
  <I, A>(scenario: (backend: Backend, input: I) => Operation<A>) =>
  (port: Port, input: I, signal: AbortSignal): Promise<A> =>
    leave(() => scenario(liftBackend(port), input), signal)

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
  retry: run(retry),
  race: run(race),
  hedge: run(hedge),
  transaction: run(transaction),
  limit: run(limit),
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
  batch(port, input) {
    const load = batch(liftBackend(port), input)
    return { load: (sku, signal) => leave(() => load(sku), signal) }
  },
  thumbnails: run(thumbnails),
  subscribe: iterate(subscribe),
  regulate(input) {
    const regulator = regulate(input)
    return {
      through: (request, work, signal) => leave(() => regulator.through(request, lift(work)()), signal),
      get keys() {
        return regulator.keys()
      },
    }
  },
  shutdown(port, input) {
    const { answer, close } = shutdown(liftBackend(port), input)
    return {
      answer: (sku, signal) => leave(() => answer(sku), signal),
      close: () => leave(close, never),
    }
  },
  echo: run(echo),
}

/** Nobody aborts a close. */
const never = new AbortController().signal
