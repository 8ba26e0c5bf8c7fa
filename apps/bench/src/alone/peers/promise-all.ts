/** `Promise.all` of two promises, as most people write it: no signal, so nothing can be stopped. */
import { type Availability, type Call, type Port, type Sku, toAvailability } from '@overlap/workload'
import { type Adapted, openPromised, stopWaiting } from './peer.ts'

const lift =
  <I, A>(call: Call<I, A>) =>
  (input: I): Promise<A> =>
    new Promise((resolve, reject) => {
      call(input, (error, value) => (error ? reject(error) : resolve(value as A)))
    })

const combineOn = (port: Port) => {
  const findStock = lift(port.findStock)
  const fetchReservation = lift(port.fetchReservation)
  return async (sku: Sku): Promise<Availability> => {
    const [stock, reservation] = await Promise.all([findStock(sku), fetchReservation(sku)])
    return toAvailability(stock, reservation)
  }
}

export const open = openPromised(combineOn)

export const adapted: Adapted = {
  name: 'Promise.all',
  combine: (port, sku, signal) => stopWaiting(() => combineOn(port)(sku), signal),
}
