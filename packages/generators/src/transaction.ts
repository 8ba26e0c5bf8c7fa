import type { Receipt, SkuUnits } from '@overlap/workload'
import { checkTransaction, toReceipt } from '@overlap/workload'
import type { Backend } from './backend.ts'
import type { Operation } from './operation.ts'

/**
 * Takes `units` from the stock and confirms them over HTTP, or takes nothing.
 *
 * Throws the first error. One call runs at a time, and that is the one which is cancelled. The session is
 * closed by `finally`, which a cancel runs too.
 */
export function* transaction(backend: Backend, input: SkuUnits): Operation<Receipt> {
  checkTransaction(input)
  const { sku, units } = input
  const session = yield* backend.openSession()
  try {
    const stock = yield* session.takeStock({ sku, units })
    const confirmation = yield* backend.confirmOrder({ order: session.order, sku, units })
    yield* session.commit()
    return toReceipt(stock, confirmation)
  } finally {
    session.close()
  }
}
