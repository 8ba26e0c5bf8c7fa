import { type Port, type Style, toPromise } from '@overlap/workload'
import { type Backend, liftBackend } from './backend.ts'
import { combine } from './combine.ts'
import { hedge } from './hedge.ts'
import { type Operation, run as runOperation } from './operation.ts'
import { race } from './race.ts'
import { sequence } from './sequence.ts'
import { timeout } from './timeout.ts'

/** Leaves generators: the end of the operation settles a promise, and an abort is a cancel. */
const run =
  <I, A>(scenario: (backend: Backend, input: I) => Operation<A>) =>
  (port: Port, input: I, signal: AbortSignal): Promise<A> =>
    toPromise((done) => runOperation(scenario(liftBackend(port), input), done), signal)

export const generators: Style = {
  name: 'generators',
  sequence: run(sequence),
  combine: run(combine),
  timeout: run(timeout),
  race: run(race),
  hedge: run(hedge),
}
