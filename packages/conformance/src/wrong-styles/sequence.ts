import { type Availability, type Port, type Sku, noReservation, toAvailability } from '@overlap/workload'
import { combine } from './combine.ts'
import { call, wrong } from './fault.ts'

export const sequence = async (port: Port, sku: Sku, signal: AbortSignal): Promise<Availability> => {
  const stock = await call(port.findStock, sku, signal)
  if (stock.onHand === 0) return toAvailability(stock, noReservation(sku))
  return toAvailability(stock, await call(port.fetchReservation, sku, signal))
}

export const wrongSequences = [
  wrong('does not ask for the reservation', ['result', 'equal work'], {
    sequence: async (port, sku, signal) => {
      const stock = await call(port.findStock, sku, signal)
      return toAvailability(stock, noReservation(sku))
    },
  }),
  wrong('asks for the reservation early', ['equal work', 'one after the other', 'out of stock'], {
    sequence: combine,
  }),
  wrong('asks for a reservation of nothing', ['equal work', 'out of stock'], {
    sequence: async (port, sku, signal) => {
      const stock = await call(port.findStock, sku, signal)
      return toAvailability(stock, await call(port.fetchReservation, sku, signal))
    },
  }),
]
