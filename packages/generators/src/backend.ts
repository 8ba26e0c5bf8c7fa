import {
  type Call,
  type Channel,
  type Message,
  type Port,
  type Session,
  type Source,
  perPort,
} from '@overlap/workload'
import { type Operation, type Queue, queue, wait } from './operation.ts'

/** Lifts a call into an operation. */
export const lift =
  <I, A>(call: Call<I, A>) =>
  (input: I): Operation<A> =>
    wait(call, input)

/** Lifts a session's calls, once it is there. */
const liftSession = (session: Session) => ({
  order: session.order,
  takeStock: lift(session.takeStock),
  commit: lift(session.commit),
  close: () => session.close(),
})

const liftOpen = (open: Port['openSession']) =>
  function* () {
    return liftSession(yield* lift(open)())
  }

/** Lifts a channel: `body` takes its messages from a queue, in the tick of their arrival if it waits for them. */
const liftListen =
  (listen: Port['listen']) =>
  <A>(channel: Channel, body: (messages: Queue<Message>) => Operation<A>): Operation<A> =>
    withSource((next, done) => listen(channel)(next, done), body)

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

/** Lifts a source into a queue for `body`. It starts with it, and however that ends, it is cancelled. */
export function* withSource<A, B>(source: Source<A>, body: (values: Queue<A>) => Operation<B>): Operation<B> {
  const values = queue<A>()
  const cancel = source(values.put, values.close)
  try {
    return yield* body(values)
  } finally {
    cancel()
  }
}
