import type { Call, Port } from '@overlap/workload'
import { type Operation, suspend } from './operation.ts'

/** Lifts a call into an operation. */
const lift =
  <I, A>(call: Call<I, A>) =>
  (input: I): Operation<A> =>
    suspend((resume) => call(input, resume))

export type Backend = ReturnType<typeof liftBackend>

export const liftBackend = (port: Port) => ({
  findStock: lift(port.findStock),
  fetchReservation: lift(port.fetchReservation),
  fetchReservationFrom: lift(port.fetchReservationFrom),
})
