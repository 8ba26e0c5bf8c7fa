import type { Availability, TimeoutInput } from '@overlap/workload'
import { TimeoutError } from '@overlap/workload'
import type { Backend } from './backend.ts'
import { combine } from './combine.ts'
import { sleep } from './sleep.ts'

/**
 * Combines, or gives up after `ms`.
 *
 * What it leaves running: both calls, when the time is over, so a slow database is asked again by whoever tries
 * again, while it still works on the first time. After a success it is the timer, which keeps the process alive.
 */
export function timeout(backend: Backend, { sku, ms }: TimeoutInput): Promise<Availability> {
  return Promise.race([combine(backend, sku), expire(ms)])
}

async function expire(ms: number): Promise<never> {
  await sleep(ms)
  throw new TimeoutError(ms)
}
