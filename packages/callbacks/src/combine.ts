import type { Availability, Cancel, Done, PortError, Reservation, Sku, Stock } from '@overlap/workload'
import { toAvailability } from '@overlap/workload'
import type { Backend } from './backend.ts'

/**
 * Reads a product's stock and reservation at the same time, and joins them.
 *
 * Calls `done` with the first error, after it has cancelled the other call.
 */
export function combine(backend: Backend, sku: Sku, done: Done<Availability, PortError>): Cancel {
  let stock: Stock | undefined
  let reservation: Reservation | undefined

  const cancelStock = backend.findStock(sku, (error, found) => {
    if (error) return fail(error)
    stock = found
    join()
  })
  const cancelReservation = backend.fetchReservation(sku, (error, fetched) => {
    if (error) return fail(error)
    reservation = fetched
    join()
  })

  function join() {
    if (stock && reservation) done(null, toAvailability(stock, reservation))
  }
  // A cancelled call stays silent, so `done` is called once without a flag to guard it.
  function fail(error: PortError) {
    cancel()
    done(error)
  }
  function cancel() {
    cancelStock()
    cancelReservation()
  }
  return cancel
}
