import {
  type Cancel,
  type Done,
  type Port,
  type Style,
  type Subscription,
  toAsyncIterable,
  toPromise,
} from '@overlap/workload'
import { type Backend, lift, liftBackend } from './backend.ts'
import { batch } from './batch.ts'
import { combine } from './combine.ts'
import { echo } from './echo.ts'
import { hedge } from './hedge.ts'
import { latest } from './latest.ts'
import { limit } from './limit.ts'
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

/** Leaves callbacks: `done` settles a promise, and an abort is a cancel. */
const run =
  <I, A>(scenario: (backend: Backend, input: I, done: Done<A>) => Cancel) =>
  (port: Port, input: I, signal: AbortSignal): Promise<A> =>
    toPromise((done) => scenario(liftBackend(port), input, done), signal)

/** The same for many values, each of which is requested. */
const iterate =
  <I, A>(
    scenario: (backend: Backend, input: I, emit: (value: A) => void, done: Done<void>) => Subscription,
  ) =>
  (port: Port, input: I, signal: AbortSignal): AsyncIterable<A> =>
    toAsyncIterable((emit, done) => scenario(liftBackend(port), input, emit, done), signal)

export const callbacks: Style = {
  name: 'callbacks',
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
      (emit, done) => ({ request() {}, cancel: latest(liftBackend(port), skus, emit, done) }),
      signal,
      'newest',
    ),
  batch(port, input) {
    const load = batch(liftBackend(port), input)
    return { load: (sku, signal) => toPromise((done) => load(sku, done), signal) }
  },
  thumbnails: run(thumbnails),
  subscribe: iterate(subscribe),
  regulate(input) {
    const regulator = regulate(input)
    return {
      through: (request, work, signal) =>
        toPromise((done) => regulator.through(request, lift(work), done), signal),
      get keys() {
        return regulator.keys()
      },
    }
  },
  shutdown(port, input) {
    const service = shutdown(liftBackend(port), input)
    return {
      answer: (sku, signal) => toPromise((done) => service.answer(sku, done), signal),
      close: () => new Promise((resolve) => service.close(() => resolve())),
    }
  },
  echo: run(echo),
}
