import type { Availability, StreamInput } from '@overlap/workload'
import { checkLimit } from '@overlap/workload'
import { type Observable, delayWhen, from, mergeMap } from 'rxjs'
import type { Backend } from './backend.ts'
import { combine } from './combine.ts'

/**
 * Yields each availability as it arrives, at most `limit` ahead of the consumer.
 *
 * Emits in the order of completion. Each subscription to `demand` waits for one request of the consumer,
 * in the order of subscribing, and a product holds its place in `mergeMap` until it has emitted. Errors
 * with the first error, before what is unread, after `mergeMap` has unsubscribed from the rest.
 */
export function stream(
  backend: Backend,
  input: StreamInput,
  demand: Observable<void>,
): Observable<Availability> {
  checkLimit(input)
  const { skus, limit } = input
  return from(skus).pipe(mergeMap((sku) => combine(backend, sku).pipe(delayWhen(() => demand)), limit))
}
