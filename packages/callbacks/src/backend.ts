import {
  type Call,
  type Channel,
  type DatabaseError,
  type Port,
  type Session,
  perPort,
} from '@overlap/workload'

/** Lifts a call: it stays as it is, but what it throws comes to `done` too. One way to fail is enough. */
export const lift =
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

/** Lifts a session's calls, once it is there. */
const liftSession = (session: Session): Session => ({
  order: session.order,
  takeStock: lift(session.takeStock),
  commit: lift(session.commit),
  close: () => session.close(),
})

const liftOpen = (open: Call<void, Session, DatabaseError>): typeof open =>
  lift((input, done) => open(input, (error, session) => done(error, session && liftSession(session))))

/** Lifts a channel, which is a call that tells `next` before it is done. */
const liftListen =
  (listen: Port['listen']): typeof listen =>
  (channel) =>
  (next, done) =>
    lift<Channel, void, DatabaseError>((input, ended) => listen(input)(next, ended))(channel, done)

export type Backend = ReturnType<typeof liftBackend>

export const liftBackend = perPort((port) => ({
  findStock: lift(port.findStock),
  findStocks: lift(port.findStocks),
  fetchReservation: lift(port.fetchReservation),
  fetchReservationFrom: lift(port.fetchReservationFrom),
  openSession: liftOpen(port.openSession),
  confirmOrder: lift(port.confirmOrder),
  fetchPage: lift(port.fetchPage),
  fetchPicture: lift(port.fetchPicture),
  resize: lift(port.resize),
  listen: liftListen(port.listen),
  readChunk: lift(port.readChunk),
  writeChunk: lift(port.writeChunk),
  endOutput: lift(port.endOutput),
}))
