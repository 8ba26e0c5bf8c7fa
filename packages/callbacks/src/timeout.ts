import type { Availability, Cancel, Done, PortError, TimeoutInput } from '@overlap/workload'
import { TimeoutError, checkTimeout } from '@overlap/workload'
import type { Backend } from './backend.ts'
import { combine } from './combine.ts'

/**
 * Combines, or gives up after `ms`.
 *
 * Calls `done` with the first error, or with a `TimeoutError` after it has cancelled both calls. The
 * timer is cleared by whatever comes first.
 */
export function timeout(
  backend: Backend,
  input: TimeoutInput,
  done: Done<Availability, PortError | TimeoutError>,
): Cancel {
  checkTimeout(input)
  const { sku, ms } = input

  const cancelCombine = combine(backend, sku, (error, availability) => {
    clearTimeout(timer)
    done(error, availability)
  })
  const timer = setTimeout(() => {
    cancelCombine()
    done(new TimeoutError(ms))
  }, ms)

  return () => {
    clearTimeout(timer)
    cancelCombine()
  }
}
