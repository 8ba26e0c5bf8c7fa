import type { BatchInput, DatabaseError, Sku, Stock } from '@overlap/workload'
import { UnknownSkuError, Wanted, bySku, checkBatch } from '@overlap/workload'
import { Effect, Fiber, RcRef, type Scope } from 'effect'
import { Backend } from './backend.ts'

/** Those who share one query. */
interface Window {
  readonly wanted: Wanted
  /** Sleeps until the window is over, and is interrupted when it is full. */
  readonly gathering: Fiber.Fiber<void>
  readonly stocks: Fiber.Fiber<ReadonlyMap<Sku, Stock>, DatabaseError>
}

type Load = (sku: Sku) => Effect.Effect<Stock, DatabaseError | UnknownSkuError>

/**
 * Reads the skus that are asked for within `windowMs` with one query.
 *
 * The first load opens a window, which is over after `windowMs`, or at once when `max` different skus have
 * been gathered. Fails with the error of the query, or with an `UnknownSkuError`. When all have been
 * interrupted, the scope of the window is closed, which interrupts the fiber that waits, or the query.
 */
export const batch = Effect.fnUntraced(function* (
  input: BatchInput,
): Effect.fn.Return<Load, never, Backend | Scope.Scope> {
  checkBatch(input)
  const backend = yield* Backend

  // Not `RequestResolver`: it counts requests, not skus, and a query that runs is not interrupted with the
  // last of those who wait for it.
  const open: RcRef.RcRef<Window> = yield* RcRef.make({
    acquire: Effect.gen(function* () {
      const wanted = new Wanted()
      const gathering = yield* Effect.forkScoped(Effect.sleep(input.windowMs), { startImmediately: true })
      const read = Effect.exit(Fiber.join(gathering)).pipe(
        Effect.andThen(RcRef.invalidate(open)),
        Effect.andThen(Effect.suspend(() => backend.findStocks(wanted.skus))),
        Effect.map(bySku),
      )
      const stocks = yield* Effect.forkScoped(read, { startImmediately: true })
      return { wanted, gathering, stocks }
    }),
  })

  return Effect.fnUntraced(function* (sku: Sku) {
    const { wanted, gathering, stocks } = yield* RcRef.get(open)
    yield* Effect.acquireRelease(
      Effect.sync(() => wanted.add(sku)),
      () => Effect.sync(() => wanted.remove(sku)),
    )
    if (wanted.size === input.max) yield* Fiber.interrupt(gathering)
    const found = yield* Fiber.join(stocks)
    return found.get(sku) ?? (yield* Effect.fail(new UnknownSkuError(sku)))
  }, Effect.scoped)
})
