import {
  type Call,
  type Channel,
  type Message,
  type Port,
  type Session,
  type Source,
  perPort,
  toAsyncIterable,
  toPromise,
} from '@overlap/workload'

/** Lifts a call into a function that returns a promise and listens to an `AbortSignal`. */
export const lift =
  <I, A>(call: Call<I, A>) =>
  (input: I, signal: AbortSignal): Promise<A> =>
    toPromise((done) => call(input, done), signal)

/** Lifts a session's calls, once it is there. */
const liftSession = (session: Session) => ({
  order: session.order,
  takeStock: lift(session.takeStock),
  commit: (signal: AbortSignal) => lift(session.commit)(undefined, signal),
  close: () => session.close(),
})

/**
 * Lifts a channel into a function that calls `next` for each message, and returns a promise for its end.
 *
 * An async iterable for each channel would hand over one message in a turn of its own: whoever reads several
 * could not tell any more which came first.
 */
const liftListen =
  (listen: Port['listen']) =>
  (channel: Channel, next: (message: Message) => void, signal: AbortSignal): Promise<void> =>
    toPromise((done) => listen(channel)(next, done), signal)

export type Backend = ReturnType<typeof liftBackend>

export const liftBackend = perPort((port) => ({
  findStock: lift(port.findStock),
  findStocks: lift(port.findStocks),
  fetchReservation: lift(port.fetchReservation),
  fetchReservationFrom: lift(port.fetchReservationFrom),
  openSession: (signal: AbortSignal) => lift(port.openSession)(undefined, signal).then(liftSession),
  confirmOrder: lift(port.confirmOrder),
  fetchPage: lift(port.fetchPage),
  fetchPicture: lift(port.fetchPicture),
  resize: lift(port.resize),
  listen: liftListen(port.listen),
  readChunk: lift(port.readChunk),
  writeChunk: lift(port.writeChunk),
  endOutput: lift(port.endOutput),
}))

/** Lifts a source into an async iterable, which starts it when it is read, and cancels it on abort. */
export const liftSource = <A>(source: Source<A>, signal: AbortSignal): AsyncIterable<A> =>
  toAsyncIterable((emit, done) => ({ request() {}, cancel: source(emit, done) }), signal)
