/**
 * co 4: a generator that yields thunks, which are callbacks that wait for their `done`; an array of them waits for all.
 * It has no way to stop what runs: a `yield` cannot be left from outside, and of an array none is cancelled when another fails.
 *
 * Source: https://github.com/tj/co
 */
import {
  type Availability,
  type Port,
  type Reservation,
  type Sku,
  type Stock,
  toAvailability,
} from '@overlap/workload'
import co from 'co'
import { type Adapted, openPromised, stopWaiting } from './peer.ts'

const combineOn = ({ findStock, fetchReservation }: Port) =>
  co.wrap(function* (sku: Sku): Generator<unknown, Availability, [Stock, Reservation]> {
    const [stock, reservation] = yield [
      (done: Parameters<typeof findStock>[1]) => void findStock(sku, done),
      (done: Parameters<typeof fetchReservation>[1]) => void fetchReservation(sku, done),
    ]
    return toAvailability(stock, reservation)
  })

export const open = openPromised(combineOn)

export const adapted: Adapted = {
  name: 'co',
  combine: (port, sku, signal) => stopWaiting(() => combineOn(port)(sku), signal),
}
