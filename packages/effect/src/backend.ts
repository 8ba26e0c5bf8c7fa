import type { Call, Port, Session } from '@overlap/workload'
import { Context, Effect } from 'effect'

/** Lifts a call into an effect, with its errors in the type: to interrupt it is to cancel. */
const lift =
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

export const liftBackend = (port: Port) => ({
  findStock: lift(port.findStock),
  fetchReservation: lift(port.fetchReservation),
  fetchReservationFrom: lift(port.fetchReservationFrom),
  openSession: () => Effect.map(lift(port.openSession)(), liftSession),
  confirmOrder: lift(port.confirmOrder),
})

/** What a scenario needs, as a service: it stands in the scenario's type until it is provided. */
export class Backend extends Context.Service<Backend, ReturnType<typeof liftBackend>>()(
  '@overlap/effect/Backend',
) {}
