import type { Call, Port } from '@overlap/workload'

/** Lifts a call: it stays as it is, but what it throws comes to `done` too. One way to fail is enough. */
const lift =
  <I, A, E>(call: Call<I, A, E>): Call<I, A, E> =>
  (input, done) => {
    try {
      return call(input, done)
    } catch (error) {
      // A cast, because `catch` knows no types. Not at once: the caller does not hold the `Cancel` yet.
      const immediate = setImmediate(done, error as E)
      return () => clearImmediate(immediate)
    }
  }

export type Backend = ReturnType<typeof liftBackend>

export const liftBackend = (port: Port) => ({
  findStock: lift(port.findStock),
  fetchReservation: lift(port.fetchReservation),
  fetchReservationFrom: lift(port.fetchReservationFrom),
})
