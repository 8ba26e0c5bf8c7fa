/**
 * Bluebird 3 with its cancellation: a promise that is cancelled cancels what it waits for, and never settles. `join` stops waiting
 * at the first error, and cancels nothing: that is done by hand.
 *
 * Source: http://bluebirdjs.com/docs/api/cancellation.html
 */
import { type Availability, type Call, type Port, type Sku, toAvailability } from '@overlap/workload'
import Bluebird from 'bluebird'
import { type Adapted, openPromised } from './peer.ts'

Bluebird.config({ cancellation: true })

const lift =
  <I, A>(call: Call<I, A>) =>
  (input: I): Bluebird<A> =>
    new Bluebird((resolve, reject, onCancel) => {
      const cancel = call(input, (error, value) => (error ? reject(error) : resolve(value)))
      onCancel?.(cancel)
    })

const combineOn = (port: Port) => {
  const findStock = lift(port.findStock)
  const fetchReservation = lift(port.fetchReservation)
  return (sku: Sku): Bluebird<Availability> => {
    const stock = findStock(sku)
    const reservation = fetchReservation(sku)
    return Bluebird.join(stock, reservation, toAvailability).tapCatch(() => {
      stock.cancel()
      reservation.cancel()
    })
  }
}

export const open = openPromised(combineOn)

export const adapted: Adapted = {
  name: 'bluebird',
  combine: (port, sku, signal) =>
    new Promise((resolve, reject) => {
      signal.throwIfAborted()
      const end = combineOn(port)(sku)
        .then(resolve, reject)
        // Of a promise that is cancelled nothing else is told.
        .finally(() => {
          signal.removeEventListener('abort', abort)
          if (signal.aborted) reject(signal.reason)
        })
      const abort = () => end.cancel()
      signal.addEventListener('abort', abort)
    }),
}
