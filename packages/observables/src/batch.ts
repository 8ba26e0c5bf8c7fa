import type { BatchInput, Sku, Stock } from '@overlap/workload'
import { UnknownSkuError, Wanted, bySku, checkBatch } from '@overlap/workload'
import {
  BehaviorSubject,
  type Observable,
  concatMap,
  defer,
  finalize,
  first,
  map,
  race,
  share,
  timer,
} from 'rxjs'
import type { Backend } from './backend.ts'

/** Those who share one query. */
interface Window {
  readonly wanted: Wanted
  readonly isFull: BehaviorSubject<boolean>
  readonly stocks: Observable<ReadonlyMap<Sku, Stock>>
}

/**
 * Reads the skus that are asked for within `windowMs` with one query.
 *
 * The first load opens a window, which is over after `windowMs`, or at once when `max` different skus have
 * been gathered. Errors with the error of the query, or with an `UnknownSkuError`. When all have
 * unsubscribed, `share` unsubscribes from the timer, to start anew for whoever comes next, or from the query.
 */
export function batch(backend: Backend, input: BatchInput): (sku: Sku) => Observable<Stock> {
  checkBatch(input)
  let open: Window | undefined

  function openWindow(): Window {
    const wanted = new Wanted()
    const isFull = new BehaviorSubject(false)
    const stocks = race(timer(input.windowMs), isFull.pipe(first(Boolean))).pipe(
      concatMap(() => {
        open = undefined
        return backend.findStocks(wanted.skus)
      }),
      map(bySku),
      // Whoever has filled the window subscribes after the query, which may have failed by then.
      share({ resetOnError: false }),
    )
    return { wanted, isFull, stocks }
  }

  return (sku) =>
    defer(() => {
      const { wanted, isFull, stocks } = (open ??= openWindow())
      wanted.add(sku)
      if (wanted.size === input.max) isFull.next(true)
      return stocks.pipe(
        map((found) => {
          const stock = found.get(sku)
          if (!stock) throw new UnknownSkuError(sku)
          return stock
        }),
        finalize(() => wanted.remove(sku)),
      )
    })
}
