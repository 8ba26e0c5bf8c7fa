import type { BatchInput, Cancel, Sku, Stock } from '@overlap/workload'
import { UnknownSkuError, Wanted, bySku, checkBatch } from '@overlap/workload'
import type { Backend } from './backend.ts'
import { type Latch, type Operation, type Queue, latch, queue, raceFirst, run, sleep } from './operation.ts'

/** Those who share one query. */
interface Window {
  readonly wanted: Wanted
  readonly full: Queue<void>
  readonly answered: Latch
  error?: Error | null
  stocks?: ReadonlyMap<Sku, Stock> | undefined
  cancel?: Cancel
}

/**
 * Reads the skus that are asked for within `windowMs` with one query.
 *
 * The first load opens a window, which is over after `windowMs`, or at once when `max` different skus have
 * been gathered. Throws the error of the query, or an `UnknownSkuError`. When all loads have been cancelled,
 * so is the operation that they share: the timer is cleared, or the query cancelled.
 */
export function batch(backend: Backend, input: BatchInput): (sku: Sku) => Operation<Stock> {
  checkBatch(input)
  let open: Window | undefined

  function* load(sku: Sku): Operation<Stock> {
    const window = (open ??= openWindow())
    const { wanted, full, answered } = window
    wanted.add(sku)
    if (wanted.size === input.max) full.put()
    try {
      yield* answered.wait()
      if (window.error) throw window.error
      const stock = window.stocks?.get(sku)
      if (!stock) throw new UnknownSkuError(sku)
      return stock
    } finally {
      leave(window, sku)
    }
  }

  function openWindow(): Window {
    const window: Window = { wanted: new Wanted(), full: queue(), answered: latch() }
    // It runs by itself, so that it goes on when whoever has opened it does not wait any more.
    window.cancel = run(read(window), (error, stocks) => {
      window.error = error
      window.stocks = stocks
      window.answered.open()
    })
    return window
  }
  function* read({ wanted, full }: Window): Operation<ReadonlyMap<Sku, Stock>> {
    yield* raceFirst<unknown>(sleep(input.windowMs), full.take())
    open = undefined
    return bySku(yield* backend.findStocks(wanted.skus))
  }
  function leave(window: Window, sku: Sku) {
    window.wanted.remove(sku)
    if (window.wanted.size > 0) return
    if (open === window) open = undefined
    window.cancel?.()
  }
  return load
}
