import { type Call, type Port, type Source, toAsyncIterable, toPromise } from '@overlap/workload'

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

/** Lifts a source into an async iterable, which starts it when it is read, and cancels it on abort. */
export const liftSource = <A>(source: Source<A>, signal: AbortSignal): AsyncIterable<A> =>
  toAsyncIterable((emit, done) => ({ request() {}, cancel: source(emit, done) }), signal)
