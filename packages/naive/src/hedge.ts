import type { HedgeInput, Reservation } from '@overlap/workload'
import type { Backend } from './backend.ts'
import { sleep } from './sleep.ts'

/**
 * Asks one replica, and the next one when the last has been silent for `delayMs` or has failed.
 *
 * What it leaves running: the slow ones and a timer, after each success. When the caller leaves, it goes on
 * to ask one replica after the other.
 */
export async function hedge(backend: Backend, { replicas, sku, delayMs }: HedgeInput): Promise<Reservation> {
  const answers: Promise<Reservation>[] = []
  for (const replica of replicas) {
    const answer = backend.fetchReservationFrom({ replica, sku })
    answers.push(answer)
    try {
      const first = await Promise.race([Promise.any(answers), answer, sleep(delayMs)])
      if (first) return first
    } catch {
      // It has failed: the next one.
    }
  }
  return Promise.any(answers)
}
