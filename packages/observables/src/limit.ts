import type { Availability, LimitInput } from '@overlap/workload'
import { checkLimit } from '@overlap/workload'
import { type Observable, from, map, mergeMap, toArray } from 'rxjs'
import type { Backend } from './backend.ts'
import { combine } from './combine.ts'

/**
 * Combines every sku, at most `limit` at a time, and answers in the order of `skus`.
 *
 * Emits one array. Errors with the first error, after `mergeMap` has unsubscribed from the others. Those
 * that wait start in the order of `skus`, each in the place of one that is done.
 */
export function limit(backend: Backend, input: LimitInput): Observable<readonly Availability[]> {
  checkLimit(input)
  return from(input.skus).pipe(
    mergeMap(
      (sku, index) => combine(backend, sku).pipe(map((availability) => ({ index, availability }))),
      input.limit,
    ),
    toArray(),
    map((arrived) => arrived.toSorted((a, b) => a.index - b.index).map(({ availability }) => availability)),
  )
}
