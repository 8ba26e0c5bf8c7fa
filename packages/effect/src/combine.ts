import type { Availability, PortError, Sku } from '@overlap/workload'
import { toAvailability } from '@overlap/workload'
import { Effect } from 'effect'
import { Backend } from './backend.ts'

/**
 * Reads a product's stock and reservation at the same time, and joins them.
 *
 * Fails with the first error, after `Effect.all` has interrupted the other fiber.
 */
export const combine = Effect.fnUntraced(function* (
  sku: Sku,
): Effect.fn.Return<Availability, PortError, Backend> {
  const backend = yield* Backend
  const [stock, reservation] = yield* Effect.all([backend.findStock(sku), backend.fetchReservation(sku)], {
    concurrency: 'unbounded',
  })
  return toAvailability(stock, reservation)
})
