import type { Receipt, SkuUnits } from '@overlap/workload'
import { toReceipt } from '@overlap/workload'
import type { Backend } from './backend.ts'

/**
 * Takes `units` from the stock and confirms them over HTTP, or takes nothing.
 *
 * What it leaves open: the session, after any failure. Nobody rolls it back, so its connection is lost to the pool
 * and the product's row stays locked, until Postgres has had enough. And who orders and leaves has ordered.
 */
export async function transaction(backend: Backend, { sku, units }: SkuUnits): Promise<Receipt> {
  const session = await backend.openSession()
  const stock = await session.takeStock({ sku, units })
  const confirmation = await backend.confirmOrder({ order: session.order, sku, units })
  await session.commit()
  session.close()
  return toReceipt(stock, confirmation)
}
