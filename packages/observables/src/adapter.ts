import { type Port, type Style, toPromise } from '@overlap/workload'
import type { Observable } from 'rxjs'
import { type Backend, liftBackend } from './backend.ts'
import { combine } from './combine.ts'
import { hedge } from './hedge.ts'
import { race } from './race.ts'
import { limit } from './limit.ts'
import { retry } from './retry.ts'
import { sequence } from './sequence.ts'
import { shutdown } from './shutdown.ts'
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

/** Nobody aborts a close. */
const never = new AbortController().signal

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
  shutdown(port, input) {
    const { answer, close } = shutdown(liftBackend(port), input)
    return {
      answer: (sku, signal) => leave(() => answer(sku), signal),
      close: () => leave(close, never),
    }
  },
}
