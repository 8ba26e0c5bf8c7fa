import type { Availability, PortError, Sku } from '@overlap/workload'
import { Stream } from 'effect'
import type { Backend } from './backend.ts'
import { combine } from './combine.ts'

/**
 * Answers the newest sku: a new one cancels the one before.
 *
 * Emits each answer, and ends when the last sku has been answered and there is no more. Fails with the
 * first error, of the input or of a call, after the scope of the stream has interrupted the other.
 */
export const latest = <E, R>(
  skus: Stream.Stream<Sku, E, R>,
): Stream.Stream<Availability, E | PortError, R | Backend> =>
  Stream.switchMap(skus, (sku) => Stream.fromEffect(combine(sku)))
