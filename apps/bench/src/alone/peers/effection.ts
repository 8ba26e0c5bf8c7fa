/**
 * effection 4: structured concurrency with generators. An `action` returns how to stop it, `all` halts the others after the first
 * error, and a halted task has stopped whatever it started.
 *
 * Source: https://frontside.com/effection/docs/operations, https://frontside.com/effection/docs/actions
 */
import { type Availability, type Call, type Port, type Sku, toAvailability } from '@overlap/workload'
import { type Operation, action, all, run } from 'effection'
import type { Adapted, Open } from './peer.ts'

const lift =
  <I, A>(call: Call<I, A>) =>
  (input: I): Operation<A> =>
    action((resolve, reject) => call(input, (error, value) => (error ? reject(error) : resolve(value as A))))

const combineOn = (port: Port) => {
  const findStock = lift(port.findStock)
  const fetchReservation = lift(port.fetchReservation)
  return function* (sku: Sku): Operation<Availability> {
    const [stock, reservation] = yield* all([findStock(sku), fetchReservation(sku)])
    return toAvailability(stock, reservation)
  }
}

export const open: Open = (port, done) => {
  const combine = combineOn(port)
  const succeed = (availability: Availability) => done(null, availability)
  return (sku) => {
    const task = run(() => combine(sku))
    task.then(succeed, done)
    return task
  }
}

export const adapted: Adapted = {
  name: 'effection',
  async combine(port, sku, signal) {
    signal.throwIfAborted()
    const task = run(() => combineOn(port)(sku))
    // It is not halted before somebody waits for that.
    const halt = async () => task.halt()
    const abort = () => void halt()
    signal.addEventListener('abort', abort)
    try {
      return await task
    } catch (error) {
      // A task that was halted fails with that, once all of it has stopped.
      throw signal.aborted ? signal.reason : error
    } finally {
      signal.removeEventListener('abort', abort)
    }
  },
}
