import type { Availability, Sku } from '@overlap/workload'
import { type Observable, switchMap } from 'rxjs'
import type { Backend } from './backend.ts'
import { combine } from './combine.ts'

/**
 * Answers the newest sku: a new one cancels the one before.
 *
 * Emits each answer, and completes when the last sku has been answered and there is no more. Errors with
 * the first error, of the input or of a call, after `switchMap` has unsubscribed from the other.
 */
export function latest(backend: Backend, skus: Observable<Sku>): Observable<Availability> {
  return skus.pipe(switchMap((sku) => combine(backend, sku)))
}
