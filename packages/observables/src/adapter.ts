import { type Done, type Port, type Style, toAsyncIterable, toPromise } from '@overlap/workload'
import { Observable, type Observer, type Subscriber } from 'rxjs'
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

/** Leaves RxJS: to subscribe is to start, to unsubscribe is to stop, and the one value is the answer. */
const leave = <A>(observe: () => Observable<A>, signal: AbortSignal): Promise<A> =>
  toPromise((done) => {
    const subscription = observe().subscribe({
      next: (value) => done(null, value),
      error: done,
    })
    return () => subscription.unsubscribe()
  }, signal)

const run =
  <I, A>(scenario: (backend: Backend, input: I) => Observable<A>) =>
  (port: Port, input: I, signal: AbortSignal): Promise<A> =>
    leave(() => scenario(liftBackend(port), input), signal)

/** The same for many values, each of which is requested. */
const iterate =
  <I, A>(scenario: (backend: Backend, input: I, demand: Observable<void>) => Observable<A>) =>
  (port: Port, input: I, signal: AbortSignal): AsyncIterable<A> =>
    toAsyncIterable((emit, done) => {
      const { demand, request } = createDemand()
      const values = scenario(liftBackend(port), input, demand)
      const subscription = values.subscribe(observer(emit, done))
      return { request, cancel: () => subscription.unsubscribe() }
    }, signal)

const observer = <A>(emit: (value: A) => void, done: Done<void>): Observer<A> => ({
  next: emit,
  error: done,
  complete: () => done(null),
})

/** An observable whose every subscription takes one request, in the order of subscribing. */
function createDemand() {
  const waiting = new Set<Subscriber<void>>()
  let requested = 0
  const demand = new Observable<void>((subscriber) => {
    waiting.add(subscriber)
    serve()
    return () => waiting.delete(subscriber)
  })
  function serve() {
    const [first] = waiting
    if (!first || requested === 0) return
    waiting.delete(first)
    requested--
    first.next()
    first.complete()
  }
  function request() {
    requested++
    serve()
  }
  return { demand, request }
}

export const observables: Style = {
  name: 'observables',
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
        const answers = latest(liftBackend(port), liftSource(skus))
        const subscription = answers.subscribe(observer(emit, done))
        return { request() {}, cancel: () => subscription.unsubscribe() }
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
      through: (request, work, signal) => leave(() => lift(work)().pipe(regulator.through(request)), signal),
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
