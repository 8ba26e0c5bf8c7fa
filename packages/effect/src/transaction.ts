import type { OutOfStockError, PortError, Receipt, SkuUnits } from '@overlap/workload'
import { checkTransaction, toReceipt } from '@overlap/workload'
import { Effect, type Scope } from 'effect'
import { Backend } from './backend.ts'

/**
 * Takes `units` from the stock and confirms them over HTTP, or takes nothing.
 *
 * Fails with the first error. One call runs at a time, and that is the one which is interrupted. The
 * session is closed with its scope, however that ends.
 */
export const transaction = Effect.fnUntraced(function* (
  input: SkuUnits,
): Effect.fn.Return<Receipt, PortError | OutOfStockError, Backend | Scope.Scope> {
  checkTransaction(input)
  const { sku, units } = input
  const backend = yield* Backend
  // By default, an acquisition cannot be interrupted: it would go on waiting for a connection.
  const session = yield* Effect.acquireRelease(backend.openSession(), ({ close }) => close, {
    interruptible: true,
  })
  const stock = yield* session.takeStock({ sku, units })
  const confirmation = yield* backend.confirmOrder({ order: session.order, sku, units })
  yield* session.commit()
  return toReceipt(stock, confirmation)
}, Effect.scoped)
