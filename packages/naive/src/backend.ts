import type { Call, Channel, Message, Port, Session } from '@overlap/workload'

/** Lifts a call into a function that returns a promise, and throws away what would cancel it. */
export const lift =
  <I, A>(call: Call<I, A>) =>
  (input: I): Promise<A> =>
    new Promise((resolve, reject) => {
      // A cast: there is a value whenever there is no error.
      call(input, (error, value) => (error ? reject(error) : resolve(value as A)))
    })

/**
 * Lifts a call whose end nobody waits for, as nobody waits for that of `socket.write`. Without a promise
 * there is no rejection that nobody handles, either, which would end the process.
 */
const liftUnawaited =
  <I>(call: Call<I, void>) =>
  (input: I): void =>
    void call(input, () => {})

const liftSession = (session: Session) => ({
  order: session.order,
  takeStock: lift(session.takeStock),
  commit: () => lift(session.commit)(undefined),
  close: () => session.close(),
})

export type Backend = ReturnType<typeof liftBackend>

export const liftBackend = (port: Port) => ({
  findStock: lift(port.findStock),
  findStocks: lift(port.findStocks),
  fetchReservation: lift(port.fetchReservation),
  fetchReservationFrom: lift(port.fetchReservationFrom),
  openSession: () => lift(port.openSession)(undefined).then(liftSession),
  confirmOrder: lift(port.confirmOrder),
  fetchPage: lift(port.fetchPage),
  fetchPicture: lift(port.fetchPicture),
  resize: lift(port.resize),
  /** As `emitter.on`: there is a listener for the messages, and none for the error that ends them. */
  listen: (channel: Channel, next: (message: Message) => void): void =>
    void port.listen(channel)(next, () => {}),
  readChunk: lift(port.readChunk),
  writeChunk: liftUnawaited(port.writeChunk),
  endOutput: lift(port.endOutput),
})
