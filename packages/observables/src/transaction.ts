import type { Receipt, SkuUnits } from '@overlap/workload'
import { checkTransaction, toReceipt } from '@overlap/workload'
import { type Observable, concatMap, finalize, map } from 'rxjs'
import type { Backend } from './backend.ts'

/**
 * Takes `units` from the stock and confirms them over HTTP, or takes nothing.
 *
 * Emits one receipt. Errors with the first error. One call is subscribed to at a time. `finalize` closes
 * the session, however it ends.
 */
export function transaction(backend: Backend, input: SkuUnits): Observable<Receipt> {
  checkTransaction(input)
  const { sku, units } = input
  return backend.openSession().pipe(
    concatMap((session) => {
      const confirm = () => backend.confirmOrder({ order: session.order, sku, units })
      return session.takeStock({ sku, units }).pipe(
        concatMap((stock) => confirm().pipe(map((confirmation) => ({ stock, confirmation })))),
        concatMap((ordered) => session.commit().pipe(map(() => ordered))),
        // Last, because what `concatMap` subscribes to later is unsubscribed from after a `finalize` that
        // directly follows it: the session would be closed while it commits.
        map(({ stock, confirmation }) => toReceipt(stock, confirmation)),
        finalize(() => session.close()),
      )
    }),
  )
}
