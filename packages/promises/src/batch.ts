import type { BatchInput, Sku, Stock, StockLoader } from '@overlap/workload'
import { UnknownSkuError, Wanted, bySku, checkBatch, toPromise } from '@overlap/workload'
import type { Backend } from './backend.ts'
import { scope } from './scope.ts'

/** Those who share one query. */
interface Window {
  readonly wanted: Wanted
  readonly timer: NodeJS.Timeout
  readonly query: AbortController
  readonly stocks: PromiseWithResolvers<ReadonlyMap<Sku, Stock>>
}

/**
 * Reads the skus that are asked for within `windowMs` with one query.
 *
 * The first load opens a window, which is over after `windowMs`, or at once when `max` different skus have
 * been gathered. Rejects with the error of the query, with an `UnknownSkuError`, or with the reason once its
 * signal aborts. When all have left, the timer is cleared, or the query aborted.
 */
export function batch(backend: Backend, input: BatchInput): StockLoader {
  checkBatch(input)
  let open: Window | undefined

  async function load(sku: Sku, signal: AbortSignal): Promise<Stock> {
    signal.throwIfAborted()
    const window = (open ??= openWindow())
    const { wanted, stocks } = window
    wanted.add(sku)
    // Not in a `finally`: whoever aborts and loads in one tick has left by then.
    const leaving = (left: AbortSignal) => toPromise<never>(() => () => leave(window, sku), left)
    const reading = scope(signal, (left) => Promise.race([stocks.promise, leaving(left)]))
    if (wanted.size === input.max) ask(window)
    const stock = (await reading).get(sku)
    if (!stock) throw new UnknownSkuError(sku)
    return stock
  }

  function openWindow(): Window {
    const timer = setTimeout(() => ask(window), input.windowMs)
    const window = {
      wanted: new Wanted(),
      timer,
      query: new AbortController(),
      stocks: Promise.withResolvers<ReadonlyMap<Sku, Stock>>(),
    }
    return window
  }
  function ask({ wanted, timer, query, stocks }: Window) {
    clearTimeout(timer)
    open = undefined
    stocks.resolve(backend.findStocks(wanted.skus, query.signal).then(bySku))
  }
  function leave(window: Window, sku: Sku) {
    const { wanted, timer, query } = window
    wanted.remove(sku)
    if (wanted.size > 0) return
    clearTimeout(timer)
    if (open === window) open = undefined
    query.abort('all have left')
  }
  return { load }
}
