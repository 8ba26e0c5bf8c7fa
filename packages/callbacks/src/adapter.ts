import {
  type Cancel,
  type Done,
  type Port,
  type Style,
  type Subscription,
  toAsyncIterable,
  toPromise,
} from '@overlap/workload'
import { type Backend, liftBackend } from './backend.ts'
import { combine } from './combine.ts'
import { latest } from './latest.ts'
import { sequence } from './sequence.ts'
import { stream } from './stream.ts'
import { timeout } from './timeout.ts'

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
  stream: iterate(stream),
  latest: (port, skus, signal) =>
    toAsyncIterable(
      (emit, done) => ({ request() {}, cancel: latest(liftBackend(port), skus, emit, done) }),
      signal,
      'newest',
    ),
}
