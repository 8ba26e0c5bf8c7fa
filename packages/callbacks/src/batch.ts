import type { BatchInput, Call, Cancel, DatabaseError, Done, Sku, Stock } from '@overlap/workload'
import { UnknownSkuError, bySku, checkBatch } from '@overlap/workload'
import type { Backend } from './backend.ts'

type LoadError = DatabaseError | UnknownSkuError

/** Those who share one query. */
interface Window {
  readonly waiting: Map<Sku, Set<Done<Stock, LoadError>>>
  /** Clears the timer, and later cancels the query. */
  stop: Cancel
}

/**
 * Reads the skus that are asked for within `windowMs` with one query.
 *
 * The first load opens a window, which is over after `windowMs`, or at once when `max` different skus have
 * been gathered. Calls `done` with the row, with the error of the query, or with an `UnknownSkuError`. A
 * cancel withdraws one load. When all have been withdrawn, the timer is cleared, or the query cancelled.
 */
export function batch(backend: Backend, input: BatchInput): Call<Sku, Stock, LoadError> {
  checkBatch(input)
  let open: Window | undefined

  function load(sku: Sku, done: Done<Stock, LoadError>): Cancel {
    const window = (open ??= openWindow())
    const { waiting } = window
    // A function of its own, because two loads may have the same `done`.
    const tell: typeof done = (error, stock) => done(error, stock)
    waiting.set(sku, (waiting.get(sku) ?? new Set()).add(tell))
    if (waiting.size === input.max) ask(window)
    return () => {
      const sharing = waiting.get(sku)
      if (!sharing?.delete(tell)) return
      if (sharing.size === 0) waiting.delete(sku)
      if (waiting.size > 0) return
      window.stop()
      if (open === window) open = undefined
    }
  }

  function openWindow(): Window {
    const timer = setTimeout(() => ask(window), input.windowMs)
    const window: Window = { waiting: new Map(), stop: () => clearTimeout(timer) }
    return window
  }
  function ask(window: Window) {
    const { waiting } = window
    window.stop()
    open = undefined
    window.stop = backend.findStocks([...waiting.keys()], (error, stocks = []) => {
      const found = bySku(stocks)
      // Whoever is told may cancel another, who is then not told.
      for (const [sku, sharing] of waiting) {
        for (const tell of sharing) {
          const stock = found.get(sku)
          if (stock) tell(null, stock)
          else tell(error ?? new UnknownSkuError(sku))
        }
      }
    })
  }
  return load
}
