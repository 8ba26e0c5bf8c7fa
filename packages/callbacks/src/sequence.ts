import type { Availability, Cancel, Done, PortError, Sku, Stock } from '@overlap/workload'
import { noReservation, toAvailability } from '@overlap/workload'
import type { Backend } from './backend.ts'

/**
 * Reads a product's stock, and then its reservation only if there is any.
 *
 * Calls `done` with the first error. One call runs at a time, and that is the one which is cancelled.
 */
export function sequence(backend: Backend, sku: Sku, done: Done<Availability, PortError>): Cancel {
  let cancelRunning = backend.findStock(sku, (error, stock) => {
    if (error) return done(error)
    if (stock) readReservation(stock)
  })

  function readReservation(stock: Stock) {
    if (stock.onHand === 0) return done(null, toAvailability(stock, noReservation(sku)))
    cancelRunning = backend.fetchReservation(sku, (error, reservation) => {
      if (error) return done(error)
      if (reservation) done(null, toAvailability(stock, reservation))
    })
  }
  // Not `return cancelRunning`: which call runs, changes.
  return () => cancelRunning()
}
