import type { RaceInput, Reservation } from '@overlap/workload'
import type { Backend } from './backend.ts'

/**
 * Asks every replica at the same time, and takes the first success.
 *
 * What it leaves running: the losers. Each of them answers to the end for nobody, so the service has the work of
 * all replicas for every answer of one.
 */
export function race(backend: Backend, { replicas, sku }: RaceInput): Promise<Reservation> {
  return Promise.any(replicas.map((replica) => backend.fetchReservationFrom({ replica, sku })))
}
