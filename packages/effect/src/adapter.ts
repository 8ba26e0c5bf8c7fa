import { type Port, type Style, toPromise } from '@overlap/workload'
import { Cause, Effect, Exit } from 'effect'
import { Backend, liftBackend } from './backend.ts'
import { combine } from './combine.ts'
import { hedge } from './hedge.ts'
import { race } from './race.ts'
import { sequence } from './sequence.ts'
import { timeout } from './timeout.ts'

/** Leaves Effect: a failure or a defect becomes a rejection, and an abort interrupts the fiber. */
const run =
  <I, A, E>(scenario: (input: I) => Effect.Effect<A, E, Backend>) =>
  (port: Port, input: I, signal: AbortSignal): Promise<A> =>
    toPromise((done) => {
      const program = Effect.provideService(scenario(input), Backend, liftBackend(port))
      return Effect.runCallback(program, {
        onExit: (exit) => {
          if (Exit.isSuccess(exit)) done(null, exit.value)
          // An interrupted fiber was cancelled from here, and what is cancelled stays silent.
          else if (!Cause.hasInterruptsOnly(exit.cause)) done(Cause.squash(exit.cause) as Error)
        },
      })
    }, signal)

export const effect: Style = {
  name: 'effect',
  sequence: run(sequence),
  combine: run(combine),
  timeout: run(timeout),
  race: run(race),
  hedge: run(hedge),
}
