import type { Availability, Sku } from '@overlap/workload'
import type { Backend } from './backend.ts'
import { combine } from './combine.ts'

/**
 * Answers the newest sku: a new one cancels the one before.
 *
 * What it leaves running: both calls of every sku that was overtaken. Only their answer is ignored. Whoever asks at
 * each keystroke waits for no promise, so the failure of any of them is a rejection that nobody handles.
 */
export function latest(
  backend: Backend,
  show: (availability: Availability) => void,
): (sku: Sku) => Promise<void> {
  let newest = 0
  return async (sku) => {
    const question = ++newest
    const availability = await combine(backend, sku)
    if (question === newest) show(availability)
  }
}
