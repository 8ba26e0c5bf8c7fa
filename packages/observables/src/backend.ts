import {
  type Call,
  type Channel,
  type Message,
  type Port,
  type Session,
  type Source,
  perPort,
} from '@overlap/workload'
import { Observable, map } from 'rxjs'

/** Lifts a call into a cold observable of one value: to subscribe is to call, to unsubscribe is to cancel. */
export const lift =
  <I, A>(call: Call<I, A>) =>
  (input: I): Observable<A> =>
    new Observable((subscriber) =>
      call(input, (error, value) => {
        if (error) return subscriber.error(error)
        subscriber.next(value as A)
        subscriber.complete()
      }),
    )

/** Lifts a session's calls, once it is there. */
const liftSession = (session: Session) => ({
  order: session.order,
  takeStock: lift(session.takeStock),
  commit: lift(session.commit),
  close: () => session.close(),
})

/** Lifts a channel: not even `listen` is called before somebody subscribes. */
const liftListen = (listen: Port['listen']) => (channel: Channel) =>
  liftSource<Message>((next, done) => listen(channel)(next, done))

export type Backend = ReturnType<typeof liftBackend>

export const liftBackend = perPort((port) => ({
  findStock: lift(port.findStock),
  findStocks: lift(port.findStocks),
  fetchReservation: lift(port.fetchReservation),
  fetchReservationFrom: lift(port.fetchReservationFrom),
  openSession: () => lift(port.openSession)().pipe(map(liftSession)),
  confirmOrder: lift(port.confirmOrder),
  fetchPage: lift(port.fetchPage),
  fetchPicture: lift(port.fetchPicture),
  resize: lift(port.resize),
  listen: liftListen(port.listen),
  readChunk: lift(port.readChunk),
  writeChunk: lift(port.writeChunk),
  endOutput: lift(port.endOutput),
}))

/** Lifts a source into a cold observable. */
export const liftSource = <A>(source: Source<A>): Observable<A> =>
  new Observable((subscriber) =>
    source(
      (value) => subscriber.next(value),
      (error) => (error ? subscriber.error(error) : subscriber.complete()),
    ),
  )
