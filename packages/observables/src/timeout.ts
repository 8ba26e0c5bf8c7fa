import type { Availability, TimeoutInput } from '@overlap/workload'
import { TimeoutError, checkTimeout } from '@overlap/workload'
import { type Observable, throwError, timeout as giveUp } from 'rxjs'
import type { Backend } from './backend.ts'
import { combine } from './combine.ts'

/**
 * Combines, or gives up after `ms`.
 *
 * Emits one availability. Errors with the first error, or with a `TimeoutError` after the operator has
 * unsubscribed from both calls.
 */
export function timeout(backend: Backend, input: TimeoutInput): Observable<Availability> {
  checkTimeout(input)
  const { sku, ms } = input
  return combine(backend, sku).pipe(giveUp({ first: ms, with: () => throwError(() => new TimeoutError(ms)) }))
}
