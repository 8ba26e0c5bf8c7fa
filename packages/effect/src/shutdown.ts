import type { Availability, PortError, ShutdownInput, Sku } from '@overlap/workload'
import { ClosedError, checkShutdown } from '@overlap/workload'
import { Effect, Exit, Fiber, FiberSet, Latch, type Scope } from 'effect'
import type { Backend } from './backend.ts'
import { combine } from './combine.ts'

/** Answers until it is closed, or its scope is. */
export interface Service {
  /** Fails with a `ClosedError` once it is closed. */
  readonly answer: (sku: Sku) => Effect.Effect<Availability, PortError | ClosedError, Backend>
  /** Ends when nothing runs any more, and every answer has been told. Closing twice is closing once. */
  readonly close: Effect.Effect<void>
}

/**
 * Answers until it is closed; then lets what runs finish for `graceMs`, and cancels the rest.
 *
 * The grace begins with the first `close`. An answer fails with its own first error, or with a
 * `ClosedError` after its fibers have been interrupted. The timer is cleared when nothing runs any more.
 */
export const shutdown = Effect.fnUntraced(function* (
  input: ShutdownInput,
): Effect.fn.Return<Service, never, Scope.Scope> {
  checkShutdown(input)
  const running = yield* FiberSet.make<Availability, PortError>()
  const closing = yield* Latch.make()
  const drain = FiberSet.awaitEmpty(running).pipe(
    Effect.timeoutOption(input.graceMs),
    Effect.andThen(FiberSet.clear(running)),
  )
  // A fiber of its own, so that the grace goes on when whoever closes is interrupted.
  const closed = yield* Effect.forkScoped(closing.whenOpen(drain))

  const answer = Effect.fnUntraced(function* (
    sku: Sku,
  ): Effect.fn.Return<Availability, PortError | ClosedError, Backend> {
    if (closing.isOpen()) return yield* Effect.fail(new ClosedError())
    // Released in any case: between the fork and a handler, whoever waits could be interrupted without it.
    const exit = yield* Effect.acquireUseRelease(
      FiberSet.run(running, combine(sku), { startImmediately: true }),
      ended,
      Fiber.interrupt,
    )
    // Who waits is not interrupted, so it is the service that has ended.
    return yield* Exit.hasInterrupts(exit) ? Effect.fail(new ClosedError()) : exit
  })
  return { answer, close: closing.open.pipe(Effect.andThen(ended(closed)), Effect.asVoid) }
})

/** How a fiber has ended. An interrupted one would interrupt, too, whoever just joins it. */
const ended = <A, E>(fiber: Fiber.Fiber<A, E>) => Effect.exit(Fiber.join(fiber))
