/**
 * async 3: tasks that take a callback, and `parallel`, which joins them. Its `done` hears of the first error at once, and the other
 * task goes on: it has no way to stop what runs.
 *
 * Source: https://caolan.github.io/async/v3/docs.html#parallel
 */
import {
  type Availability,
  type Done,
  type Port,
  type Reservation,
  type Sku,
  type Stock,
  toAvailability,
} from '@overlap/workload'
import { parallel } from 'async'
import { type Adapted, type Open, stopWaiting } from './peer.ts'

function combine({ findStock, fetchReservation }: Port, sku: Sku, done: Done<Availability>): void {
  parallel<Stock | Reservation>(
    [(joined) => void findStock(sku, joined), (joined) => void fetchReservation(sku, joined)],
    (error, results) => {
      if (error) return done(error)
      // A cast, because its types know arrays of one kind only.
      const [stock, reservation] = results as [Stock, Reservation]
      done(null, toAvailability(stock, reservation))
    },
  )
}

export const open: Open = (port, done) => (sku) => combine(port, sku, done)

export const adapted: Adapted = {
  name: 'async',
  combine: (port, sku, signal) =>
    stopWaiting(
      () =>
        new Promise((resolve, reject) =>
          combine(port, sku, (error, availability) =>
            error ? reject(error) : resolve(availability as Availability),
          ),
        ),
      signal,
    ),
}
