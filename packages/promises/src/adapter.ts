import { type Done, type Port, type Style, type Subscription, toAsyncIterable } from '@overlap/workload'
import { type Backend, lift, liftBackend, liftSource } from './backend.ts'
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

/** There is nothing to leave: the common style is this one. */
const run =
  <I, A>(scenario: (backend: Backend, input: I, signal: AbortSignal) => Promise<A>) =>
  (port: Port, input: I, signal: AbortSignal): Promise<A> =>
    scenario(liftBackend(port), input, signal)

/** Leaving and aborting are heard at once, where an async generator would have `return()` wait for `next()`. */
const iterate =
  <I, A>(scenario: (backend: Backend, input: I, signal: AbortSignal) => AsyncGenerator<A, void>) =>
  (port: Port, input: I, signal: AbortSignal): AsyncIterable<A> =>
    toAsyncIterable(
      (emit, done) => read((left) => scenario(liftBackend(port), input, left), emit, done),
      signal,
    )

/** Reads a value for each request. */
function read<A>(
  generate: (signal: AbortSignal) => AsyncGenerator<A, void>,
  emit: (value: A) => void,
  done: Done<void>,
): Subscription & { readonly request: () => Promise<boolean> } {
  const controller = new AbortController()
  const values = generate(controller.signal)
  let ended = false

  /** Tells whether there may be more. */
  async function request(): Promise<boolean> {
    try {
      const next = await values.next()
      if (ended) return false
      if (!next.done) emit(next.value)
      else end(null)
    } catch (error) {
      if (!ended) end(error as Error)
    }
    return !ended
  }
  function end(error: Error | null) {
    ended = true
    done(error)
  }
  function cancel() {
    ended = true
    controller.abort()
    // For a generator that rests at a `yield`.
    void values.return()
  }
  return { request, cancel }
}

export const promises: Style = {
  name: 'promises',
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
        const newest = (left: AbortSignal) => latest(liftBackend(port), liftSource(skus, left), left)
        const { request, cancel } = read(newest, emit, done)
        void readAll(request)
        return { request() {}, cancel }
      },
      signal,
      'newest',
    ),
  batch: (port, input) => batch(liftBackend(port), input),
  thumbnails: run(thumbnails),
  subscribe: iterate(subscribe),
  regulate(input) {
    const regulator = regulate(input)
    return {
      through(request, work, signal) {
        const start = lift(work)
        return regulator.through(request, (wanted) => start(undefined, wanted), signal)
      },
      get keys() {
        return regulator.keys()
      },
    }
  },
  shutdown: (port, input) => shutdown(liftBackend(port), input),
  echo: run(echo),
}

/** A generator that rests at a `yield` would not hear of a newer sku. */
async function readAll(request: () => Promise<boolean>): Promise<void> {
  while (await request());
}
