import type { BatchInput, Sku, Stock } from '@overlap/workload'
import { UnknownSkuError, bySku } from '@overlap/workload'
import type { Backend } from './backend.ts'

/** Somebody who waits for a sku. */
interface Waiting extends Pick<PromiseWithResolvers<Stock>, 'resolve' | 'reject'> {
  readonly sku: Sku
}

/**
 * Reads the skus that are asked for within `windowMs` with one query.
 *
 * What it leaves running: the timer and the query, also when all who have asked are gone. Nobody can leave
 * the queue, and a sku that two have asked for takes two places in it.
 */
export function batch(backend: Backend, { windowMs, max }: BatchInput): (sku: Sku) => Promise<Stock> {
  let queue: Waiting[] = []
  let timer: NodeJS.Timeout | undefined

  async function flush(): Promise<void> {
    clearTimeout(timer)
    const waiting = queue
    queue = []
    try {
      const found = bySku(await backend.findStocks(waiting.map(({ sku }) => sku)))
      for (const { sku, resolve, reject } of waiting) {
        const stock = found.get(sku)
        if (stock) resolve(stock)
        else reject(new UnknownSkuError(sku))
      }
    } catch (error) {
      for (const { reject } of waiting) reject(error)
    }
  }

  return (sku) =>
    new Promise((resolve, reject) => {
      queue.push({ sku, resolve, reject })
      if (queue.length === 1) timer = setTimeout(flush, windowMs)
      if (queue.length === max) void flush()
    })
}
