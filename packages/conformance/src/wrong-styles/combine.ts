import { type Availability, type Port, type Sku, toAvailability } from '@overlap/workload'
import { call, scoped, wrong } from './fault.ts'

export const combine = (port: Port, sku: Sku, signal: AbortSignal): Promise<Availability> =>
  scoped(signal, async (either) => {
    const stock = call(port.findStock, sku, either)
    const reservation = call(port.fetchReservation, sku, either)
    return toAvailability(...(await Promise.all([stock, reservation])))
  })

export const wrongCombines = [
  wrong('takes what arrives first for the stock', ['result'], {
    combine: (port, sku, signal) =>
      scoped(signal, async (either) => {
        const arrived: unknown[] = []
        const note = (answer: unknown) => arrived.push(answer)
        const stock = call(port.findStock, sku, either).then(note)
        const reservation = call(port.fetchReservation, sku, either).then(note)
        await Promise.all([stock, reservation])
        return toAvailability(...(arrived as Parameters<typeof toAvailability>))
      }),
  }),
  wrong('waits for every call before it fails', ['first error'], {
    combine: async (port, sku, signal) => {
      const stock = call(port.findStock, sku, signal)
      const reservation = call(port.fetchReservation, sku, signal)
      await Promise.allSettled([stock, reservation])
      return toAvailability(await stock, await reservation)
    },
  }),
  wrong('cancels no sibling', ['nothing outlives it', 'nothing left', 'at every step'], {
    combine: async (port, sku, signal) => {
      const stock = call(port.findStock, sku, signal)
      const reservation = call(port.fetchReservation, sku, signal)
      return toAvailability(...(await Promise.all([stock, reservation])))
    },
  }),
  wrong('starts its second call a moment later, whoever has left', ['at every step'], {
    combine: (port, sku, signal) => combine({ ...port, fetchReservation: startLater(port) }, sku, signal),
  }),
  wrong('asks the database twice', ['equal work'], {
    combine: (port, sku, signal) =>
      scoped(signal, async (either) => {
        call(port.findStock, sku, either).catch(() => {})
        return combine(port, sku, either)
      }),
  }),
  wrong('asks one after the other', ['equal work', 'at the same time'], {
    combine: async (port, sku, signal) => {
      const stock = await call(port.findStock, sku, signal)
      return toAvailability(stock, await call(port.fetchReservation, sku, signal))
    },
  }),
]

/** What is cancelled before it has started is started all the same. */
const startLater =
  ({ fetchReservation }: Port): Port['fetchReservation'] =>
  (input, done) => {
    let cancel = () => {}
    setImmediate(() => (cancel = fetchReservation(input, done)))
    return () => cancel()
  }
