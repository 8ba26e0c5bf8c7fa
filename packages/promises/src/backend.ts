import { type Call, type Port, toPromise } from '@overlap/workload'

/** Lifts a call into a function that returns a promise and listens to an `AbortSignal`. */
const lift =
  <I, A>(call: Call<I, A>) =>
  (input: I, signal: AbortSignal): Promise<A> =>
    toPromise((done) => call(input, done), signal)

export type Backend = ReturnType<typeof liftBackend>

export const liftBackend = (port: Port) => ({
  findStock: lift(port.findStock),
  fetchReservation: lift(port.fetchReservation),
  fetchReservationFrom: lift(port.fetchReservationFrom),
})
