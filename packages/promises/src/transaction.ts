import type { Receipt, SkuUnits } from '@overlap/workload'
import { checkTransaction, toReceipt } from '@overlap/workload'
import type { Backend } from './backend.ts'

/**
 * Takes `units` from the stock and confirms them over HTTP, or takes nothing.
 *
 * Rejects with the first error. One call runs at a time, and that is the one which `signal` aborts. The
 * session is closed before it settles.
 */
export async function transaction(backend: Backend, input: SkuUnits, signal: AbortSignal): Promise<Receipt> {
  checkTransaction(input)
  const { sku, units } = input
  // An abort that comes after the session has been handed over does not reject this any more: it is in
  // `try` that the next call rejects.
  const session = await backend.openSession(signal)
  try {
    const stock = await session.takeStock({ sku, units }, signal)
    const confirmation = await backend.confirmOrder({ order: session.order, sku, units }, signal)
    await session.commit(signal)
    return toReceipt(stock, confirmation)
  } finally {
    session.close()
  }
}
