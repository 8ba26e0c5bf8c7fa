/**
 * The loaders that runs of one style share: those with the same policy and the same delay have the same one,
 * for as long as any of them runs. So there are never more loaders than runs.
 *
 * A query that is shared is no run's own, so it is made on a port of its own. Whoever watches one of the runs
 * that wait for it when it is made is told of it as of a call of that run, to its end, also when the run has
 * been cancelled meanwhile: the query runs on for the others.
 */
import type { Observe } from '@overlap/backend'
import type { BatchInput, Port, Sku, Stock, StockLoader, Style } from '@overlap/workload'
import type { ServerPort } from './context.ts'

export interface LoaderInput extends BatchInput {
  /** How long each query is made to take. */
  readonly dbMs: number
  /** Whether each query fails. By default, none is made to. */
  readonly dbFault?: boolean
}

export class Loaders {
  readonly #style: Style
  readonly #port: ServerPort
  readonly #loaders = new Map<string, SharedLoader>()

  constructor(style: Style, port: ServerPort) {
    this.#style = style
    this.#port = port
  }

  /** How many there are. */
  get size(): number {
    return this.#loaders.size
  }

  async load(sku: Sku, input: LoaderInput, signal: AbortSignal, observe?: Observe): Promise<Stock> {
    const key = `${input.windowMs} ${input.max} ${input.dbMs} ${input.dbFault === true}`
    const loader = this.#loaders.get(key) ?? new SharedLoader(this.#style, this.#port, input)
    this.#loaders.set(key, loader)
    loader.users++
    try {
      return await loader.load(sku, signal, observe)
    } finally {
      if (--loader.users === 0) this.#loaders.delete(key)
    }
  }
}

class SharedLoader {
  users = 0
  readonly #loader: StockLoader
  /** Those who watch a run that waits for a query which has not been made yet. */
  readonly #watching = new Set<Observe>()

  constructor(style: Style, port: ServerPort, { windowMs, max, dbMs, dbFault: dbFails }: LoaderInput) {
    const findStocks: Port['findStocks'] = (skus, done) => {
      const told = [...this.#watching]
      this.#watching.clear()
      const tellAll: Observe = (...event) => {
        for (const observe of told) observe(...event)
      }
      const observe = told.length > 0 ? tellAll : undefined
      return port.forRun({ dbMs, httpMs: 0, dbFails, observe }).findStocks(skus, done)
    }
    this.#loader = style.batch({ ...port.forRun({ dbMs, httpMs: 0 }), findStocks }, { windowMs, max })
  }

  async load(sku: Sku, signal: AbortSignal, observe: Observe | undefined): Promise<Stock> {
    if (observe) this.#watching.add(observe)
    try {
      return await this.#loader.load(sku, signal)
    } finally {
      if (observe) this.#watching.delete(observe)
    }
  }
}
