import {
  type Call,
  type Channel,
  type DatabaseError,
  type Message,
  type Port,
  type Session,
  type Source,
  perPort,
} from '@overlap/workload'
import { Cause, Context, Effect, Queue, Stream } from 'effect'

/** Lifts a call into an effect, with its errors in the type: to interrupt it is to cancel. */
export const lift =
  <I, A, E>(call: Call<I, A, E>) =>
  (input: I): Effect.Effect<A, E> =>
    Effect.callback((resume) => {
      const cancel = call(input, (error, value) =>
        resume(error ? Effect.fail(error) : Effect.succeed(value as A)),
      )
      return Effect.sync(cancel)
    })

/** Lifts a session's calls, once it is there. */
const liftSession = (session: Session) => ({
  order: session.order,
  takeStock: lift(session.takeStock),
  commit: lift(session.commit),
  close: Effect.sync(() => session.close()),
})

/** Lifts a channel: it is listened to until that fails or is interrupted, and `next` is told of each message. */
const liftListen =
  (listen: Port['listen']) =>
  (channel: Channel, next: (message: Message) => void): Effect.Effect<void, DatabaseError> =>
    lift<Channel, void, DatabaseError>((one, done) => listen(one)(next, done))(channel)

export const liftBackend = perPort((port) => ({
  findStock: lift(port.findStock),
  findStocks: lift(port.findStocks),
  fetchReservation: lift(port.fetchReservation),
  fetchReservationFrom: lift(port.fetchReservationFrom),
  openSession: () => Effect.map(lift(port.openSession)(), liftSession),
  confirmOrder: lift(port.confirmOrder),
  fetchPage: lift(port.fetchPage),
  fetchPicture: lift(port.fetchPicture),
  resize: lift(port.resize),
  listen: liftListen(port.listen),
  readChunk: lift(port.readChunk),
  writeChunk: lift(port.writeChunk),
  endOutput: lift(port.endOutput),
}))

/** What a scenario needs, as a service: it stands in the scenario's type until it is provided. */
export class Backend extends Context.Service<Backend, ReturnType<typeof liftBackend>>()(
  '@overlap/effect/Backend',
) {}

/** Lifts a source into a stream, which starts it when it is pulled, and cancels it when it ends. */
export const liftSource = <A, E>(source: Source<A, E>): Stream.Stream<A, E> =>
  Stream.callback((queue) => {
    const start = () =>
      source(
        (value) => Queue.offerUnsafe(queue, value),
        (error) => (error ? Queue.failCauseUnsafe(queue, Cause.fail(error)) : Queue.endUnsafe(queue)),
      )
    return Effect.acquireRelease(Effect.sync(start), Effect.sync)
  })
