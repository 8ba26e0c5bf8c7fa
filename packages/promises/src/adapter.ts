import type { Port, Style } from '@overlap/workload'
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

/** There is nothing to leave: the common style is this one. */
const run =
  <I, A>(scenario: (backend: Backend, input: I, signal: AbortSignal) => Promise<A>) =>
  (port: Port, input: I, signal: AbortSignal): Promise<A> =>
    scenario(liftBackend(port), input, signal)

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
  shutdown: (port, input) => shutdown(liftBackend(port), input),
}
