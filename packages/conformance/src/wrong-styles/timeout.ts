import {
  type Availability,
  type Port,
  TimeoutError,
  type TimeoutInput,
  checkTimeout,
} from '@overlap/workload'
import { combine } from './combine.ts'
import { never, scoped, sleep, wrong } from './fault.ts'

export const timeout = (port: Port, input: TimeoutInput, signal: AbortSignal): Promise<Availability> =>
  scoped(signal, (inTime) => {
    checkTimeout(input)
    return Promise.race([combine(port, input.sku, inTime), expire(input.ms, inTime)])
  })

async function expire(ms: number, signal: AbortSignal): Promise<never> {
  await sleep(ms, signal)
  throw new TimeoutError(ms)
}

export const wrongTimeouts = [
  wrong('abandons its calls when the time is over', ['nothing outlives it', 'never early', 'at every step'], {
    timeout: (port, { sku, ms }, signal) =>
      scoped(signal, (inTime) => Promise.race([combine(port, sku, never), expire(ms, inTime)])),
  }),
  wrong('gives up one ms early', ['never early', 'equal work', 'any schedule'], {
    timeout: (port, { sku, ms }, signal) => timeout(port, { sku, ms: ms - 1 }, signal),
  }),
  wrong('takes its timer for endless', ['longest time'], {
    // A signed 32-bit integer overflows: Node fires after 1 ms.
    timeout: (port, { sku, ms }, signal) =>
      ms === 2 ** 31 - 1 ? timeout(port, { sku, ms: 1 }, signal) : timeout(port, { sku, ms }, signal),
  }),
  wrong('takes any number for a time', ['wrong input'], {
    timeout: (port, { sku, ms }, signal) =>
      scoped(signal, (inTime) => Promise.race([combine(port, sku, inTime), expire(ms, inTime)])),
  }),
  wrong('has a time-out error of its own', ['first error', 'never early'], {
    timeout: (port, input, signal) =>
      timeout(port, input, signal).catch((error: unknown) => {
        throw error instanceof TimeoutError ? new Error('too slow') : error
      }),
  }),
]
