import { type Port, type Style, toPromise } from '@overlap/workload'
import type { Observable } from 'rxjs'
import { type Backend, liftBackend } from './backend.ts'
import { combine } from './combine.ts'
import { hedge } from './hedge.ts'
import { race } from './race.ts'
import { sequence } from './sequence.ts'
import { timeout } from './timeout.ts'

/** Leaves RxJS: to subscribe is to start, to unsubscribe is to stop, and the one value is the answer. */
const run =
  <I, A>(scenario: (backend: Backend, input: I) => Observable<A>) =>
  (port: Port, input: I, signal: AbortSignal): Promise<A> =>
    toPromise((done) => {
      const subscription = scenario(liftBackend(port), input).subscribe({
        next: (value) => done(null, value),
        error: done,
      })
      return () => subscription.unsubscribe()
    }, signal)

export const observables: Style = {
  name: 'observables',
  sequence: run(sequence),
  combine: run(combine),
  timeout: run(timeout),
  race: run(race),
  hedge: run(hedge),
}
