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
import { Cause, Context, Effect, Queue, type Scope, Stream } from 'effect'

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

/** Feeds a queue from a source for as long as the scope is open. */
const feed = <A, E>(
  source: Source<A, E>,
  queue: Queue.Enqueue<A, E | Cause.Done>,
): Effect.Effect<void, never, Scope.Scope> => {
  const start = () =>
    source(
      (value) => Queue.offerUnsafe(queue, value),
      (error) => (error ? Queue.failCauseUnsafe(queue, Cause.fail(error)) : Queue.endUnsafe(queue)),
    )
  return Effect.asVoid(Effect.acquireRelease(Effect.sync(start), Effect.sync))
}

/** Lifts a channel: several can feed one queue, which holds their messages in order of arrival. */
const liftListen =
  (listen: Port['listen']) => (channel: Channel, queue: Queue.Enqueue<Message, DatabaseError | Cause.Done>) =>
    feed((next, done) => listen(channel)(next, done), queue)

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
  Stream.callback((queue) => feed(source, queue))
