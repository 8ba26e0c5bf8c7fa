import { type Port, type Style, toPromise } from '@overlap/workload'
import { Cause, Effect, Exit, Scope } from 'effect'
import { Backend, liftBackend } from './backend.ts'
import { combine } from './combine.ts'
import { hedge } from './hedge.ts'
import { race } from './race.ts'
import { limit } from './limit.ts'
import { retry } from './retry.ts'
import { sequence } from './sequence.ts'
import { shutdown } from './shutdown.ts'
import { timeout } from './timeout.ts'
import { transaction } from './transaction.ts'

/** Leaves Effect: a failure or a defect becomes a rejection, and an abort interrupts the fiber. */
const leave = <A, E>(program: () => Effect.Effect<A, E>, signal: AbortSignal): Promise<A> =>
  toPromise(
    (done) =>
      Effect.runCallback(program(), {
        onExit: (exit) => {
          if (Exit.isSuccess(exit)) done(null, exit.value)
          // An interrupted fiber was cancelled from here, and what is cancelled stays silent.
          else if (!Cause.hasInterruptsOnly(exit.cause)) done(Cause.squash(exit.cause) as Error)
        },
      }),
    signal,
  )

const run =
  <I, A, E>(scenario: (input: I) => Effect.Effect<A, E, Backend>) =>
  (port: Port, input: I, signal: AbortSignal): Promise<A> =>
    leave(() => Effect.provideService(scenario(input), Backend, liftBackend(port)), signal)

/** Nobody aborts a close. */
const never = new AbortController().signal

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
  shutdown(port, input) {
    const backend = liftBackend(port)
    const scope = Scope.makeUnsafe()
    const { answer, close } = Effect.runSync(Scope.provide(shutdown(input), scope))
    const closeAll = Effect.andThen(close, Scope.close(scope, Exit.void))
    return {
      answer: (sku, signal) => leave(() => Effect.provideService(answer(sku), Backend, backend), signal),
      close: () => leave(() => closeAll, never),
    }
  },
}
