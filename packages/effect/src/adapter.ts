import {
  type Cancel,
  type Done,
  type Port,
  type Style,
  perPort,
  toAsyncIterable,
  toPromise,
} from '@overlap/workload'
import { Cause, Context, Effect, Exit, Pull, Queue, Scope, Stream } from 'effect'
import { Backend, lift, liftBackend, liftSource } from './backend.ts'
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

/** The services that the scenarios need. */
const contextOf = perPort((port) => Context.make(Backend, liftBackend(port)))

/** For a program that needs none, or has been given them. */
const noContext = Context.empty()

/** Leaves Effect: a failure or a defect becomes an error, and to cancel is to interrupt the fiber. */
const start = <A, E, R>(
  context: Context.Context<R>,
  program: Effect.Effect<A, E, R>,
  done: Done<A>,
): Cancel =>
  Effect.runCallbackWith(context)(program, {
    onExit: (exit) => {
      if (Exit.isSuccess(exit)) done(null, exit.value)
      // An interrupted fiber was cancelled from here, and what is cancelled stays silent.
      else if (!Cause.hasInterruptsOnly(exit.cause)) done(Cause.squash(exit.cause) as Error)
    },
  })

const run =
  <I, A, E>(scenario: (input: I) => Effect.Effect<A, E, Backend>) =>
  (port: Port, input: I, signal: AbortSignal): Promise<A> =>
    toPromise((done) => start(contextOf(port), scenario(input), done), signal)

/** The same for many values: each is pulled when it has been requested. */
const iterate =
  <I, A, E>(scenario: (input: I) => Stream.Stream<A, E, Backend>) =>
  (port: Port, input: I, signal: AbortSignal): AsyncIterable<A> =>
    toAsyncIterable((emit, done) => {
      const requests = Effect.runSync(Queue.unbounded<void>())
      const program = Effect.gen(function* () {
        const pull = yield* Stream.toPull(scenario(input))
        const next = Queue.take(requests).pipe(Effect.andThen(pull))
        return yield* next.pipe(
          Effect.map((values) => values.forEach(emit)),
          // To yield would cost each value a turn of the loop, in which more may come than one. It waits anyhow.
          Effect.forever({ disableYield: true }),
        )
      }).pipe(
        Effect.scoped,
        Pull.catchDone(() => Effect.void),
      )
      const cancel = start(contextOf(port), program, done)
      return { request: () => Queue.offerUnsafe(requests, undefined), cancel }
    }, signal)

export const effect: Style = {
  name: 'effect',
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
        const program = Stream.runForEach(latest(liftSource(skus)), (value) => Effect.sync(() => emit(value)))
        return { request() {}, cancel: start(contextOf(port), program, done) }
      },
      signal,
      'newest',
    ),
  batch(port, input) {
    const load = Effect.runSyncWith(contextOf(port))(Scope.provide(batch(input), Scope.makeUnsafe()))
    return { load: (sku, signal) => toPromise((done) => start(noContext, load(sku), done), signal) }
  },
  thumbnails: run(thumbnails),
  subscribe: iterate(subscribe),
  regulate(input) {
    const regulator = Effect.runSync(regulate(input))
    return {
      through: (request, work, signal) =>
        toPromise((done) => start(noContext, lift(work)().pipe(regulator.through(request)), done), signal),
      get keys() {
        return Effect.runSync(regulator.keys)
      },
    }
  },
  shutdown(port, input) {
    const scope = Scope.makeUnsafe()
    const { answer, close } = Effect.runSync(Scope.provide(shutdown(input), scope))
    const closeAll = Effect.andThen(close, Scope.close(scope, Exit.void))
    return {
      answer: (sku, signal) => toPromise((done) => start(contextOf(port), answer(sku), done), signal),
      close: () => toPromise((done) => start(noContext, closeAll, done), never),
    }
  },
  echo: run(echo),
}

/** Nobody aborts a close. */
const never = new AbortController().signal
