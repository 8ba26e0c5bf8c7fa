import {
  type BatchInput,
  type Port,
  type Sku,
  type Stock,
  type StockLoader,
  UnknownSkuError,
  checkBatch,
} from '@overlap/workload'
import { call, never, wrong } from './fault.ts'

/** Those who share a query. */
interface Window {
  /** How many wait for each sku. */
  readonly waiting: Map<Sku, number>
  /** Aborts when nobody waits any more. */
  readonly left: AbortController
  readonly stocks: PromiseWithResolvers<readonly Stock[]>
  timer?: NodeJS.Timeout
}

/** The loader done right, in parts that can be done wrong. */
class Loader implements StockLoader {
  readonly port: Port
  readonly windowMs: number
  readonly max: number
  open: Window | undefined

  constructor(port: Port, { windowMs, max }: BatchInput) {
    this.port = port
    this.windowMs = windowMs
    this.max = max
  }

  async load(sku: Sku, signal: AbortSignal): Promise<Stock> {
    signal.throwIfAborted()
    const window = this.join(sku)
    const leave = () => this.leave(window, sku)
    return this.pick(await untilAborted(window.stocks.promise, signal, leave), sku)
  }

  join(sku: Sku): Window {
    const window = (this.open ??= this.openWindow())
    this.gather(window, sku)
    if (this.isFull(window)) this.ask(window)
    return window
  }

  openWindow(): Window {
    const window: Window = {
      waiting: new Map(),
      left: new AbortController(),
      stocks: Promise.withResolvers(),
    }
    window.timer = setTimeout(() => this.ask(window), this.windowMs)
    return window
  }

  gather({ waiting }: Window, sku: Sku): void {
    waiting.set(sku, (waiting.get(sku) ?? 0) + 1)
  }

  isFull({ waiting }: Window): boolean {
    return waiting.size === this.max
  }

  ask(window: Window): void {
    clearTimeout(window.timer)
    this.open = undefined
    window.stocks.resolve(this.find([...window.waiting.keys()], window.left.signal))
  }

  find(skus: readonly Sku[], signal: AbortSignal): Promise<readonly Stock[]> {
    return call(this.port.findStocks, skus, signal)
  }

  pick(stocks: readonly Stock[], sku: Sku): Stock {
    const stock = stocks.find((one) => one.sku === sku)
    if (!stock) throw new UnknownSkuError(sku)
    return stock
  }

  leave(window: Window, sku: Sku): void {
    const left = (window.waiting.get(sku) ?? 0) - 1
    if (left > 0) window.waiting.set(sku, left)
    else window.waiting.delete(sku)
    if (window.waiting.size === 0) this.end(window)
  }

  end(window: Window): void {
    clearTimeout(window.timer)
    if (this.open === window) this.open = undefined
    window.left.abort()
  }
}

/** Rejects with the reason once `signal` aborts, and leaves no listener. Calls `leave` in that very tick, or in the end. */
function untilAborted<A>(result: Promise<A>, signal: AbortSignal, leave: () => void): Promise<A> {
  const { promise, reject } = Promise.withResolvers<never>()
  const abort = () => {
    leave()
    reject(signal.reason as Error)
  }
  signal.addEventListener('abort', abort, { once: true })
  return Promise.race([result, promise]).finally(() => {
    signal.removeEventListener('abort', abort)
    if (!signal.aborted) leave()
  })
}

export function batch(port: Port, input: BatchInput): StockLoader {
  checkBatch(input)
  return new Loader(port, input)
}

const wrongLoader = (
  name: string,
  fails: readonly string[],
  Faulty: new (port: Port, input: BatchInput) => StockLoader,
) =>
  wrong(name, fails, {
    batch(port, input) {
      checkBatch(input)
      return new Faulty(port, input)
    },
  })

export const wrongBatches = [
  wrongLoader(
    'makes a query for each',
    ['one query', 'many at once', 'any schedule'],
    class extends Loader {
      override isFull() {
        return true
      }
    },
  ),
  wrongLoader(
    'opens its window anew with each load',
    ['one query', 'any schedule'],
    class extends Loader {
      override gather(window: Window, sku: Sku) {
        clearTimeout(window.timer)
        window.timer = setTimeout(() => this.ask(window), this.windowMs)
        super.gather(window, sku)
      }
    },
  ),
  wrongLoader(
    'closes its window one ms early',
    ['one query', 'any schedule'],
    class extends Loader {
      constructor(port: Port, { windowMs, max }: BatchInput) {
        super(port, { windowMs: windowMs - 1, max })
      }
    },
  ),
  wrongLoader(
    'counts its callers and not their skus',
    ['full window', 'any schedule'],
    class extends Loader {
      override isFull({ waiting }: Window) {
        return [...waiting.values()].reduce((sum, count) => sum + count, 0) === this.max
      }
    },
  ),
  wrongLoader(
    'gathers one more than it may',
    ['full window', 'one at a time', 'many at once', 'any schedule'],
    class extends Loader {
      override isFull({ waiting }: Window) {
        return waiting.size > this.max
      }
    },
  ),
  wrongLoader(
    'waits out a window that is full',
    ['full window', 'in one tick', 'one at a time', 'any schedule'],
    class extends Loader {
      override isFull() {
        return false
      }
    },
  ),
  wrongLoader(
    'leaves the timer of a window that is full',
    ['full window', 'one at a time'],
    class extends Loader {
      override ask(window: Window) {
        if (this.open !== window) return
        delete window.timer
        super.ask(window)
      }
    },
  ),
  wrongLoader(
    'asks a turn after its window is full',
    ['in one tick'],
    class extends Loader {
      override ask(window: Window) {
        clearTimeout(window.timer)
        setImmediate(() => super.ask(window))
      }
    },
  ),
  wrongLoader(
    'asks for equal skus more than once',
    ['equal skus', 'any schedule'],
    class extends Loader {
      override ask(window: Window) {
        clearTimeout(window.timer)
        this.open = undefined
        const skus = [...window.waiting].flatMap(([sku, count]) => Array<Sku>(count).fill(sku))
        window.stocks.resolve(this.find(skus, window.left.signal))
      }
    },
  ),
  wrongLoader(
    'joins a query that runs for the same sku',
    ['equal skus', 'one at a time', 'any schedule'],
    class extends Loader {
      readonly running = new Set<Window>()
      override join(sku: Sku) {
        for (const window of this.running) {
          if (!window.waiting.has(sku)) continue
          this.gather(window, sku)
          return window
        }
        return super.join(sku)
      }
      override ask(window: Window) {
        this.running.add(window)
        super.ask(window)
      }
      override end(window: Window) {
        this.running.delete(window)
        super.end(window)
      }
    },
  ),
  wrongLoader(
    'remembers what it has been told',
    ['equal skus', 'from an answer', 'any schedule'],
    class extends Loader {
      readonly known = new Map<Sku, Stock>()
      override async load(sku: Sku, signal: AbortSignal) {
        signal.throwIfAborted()
        const stock = this.known.get(sku) ?? (await super.load(sku, signal))
        this.known.set(sku, stock)
        return stock
      }
    },
  ),
  wrongLoader(
    'takes the rows for sorted',
    ['its own row', 'any schedule'],
    class extends Loader {
      override async find(skus: readonly Sku[], signal: AbortSignal) {
        const stocks = await super.find(skus, signal)
        return skus.flatMap((sku, index) => {
          const stock = stocks[index]
          return stock ? [{ ...stock, sku }] : []
        })
      }
    },
  ),
  wrongLoader(
    'fails everybody for one unknown sku',
    ['its own row', 'any schedule'],
    class extends Loader {
      override async find(skus: readonly Sku[], signal: AbortSignal) {
        const stocks = await super.find(skus, signal)
        for (const sku of skus) this.pick(stocks, sku)
        return stocks
      }
    },
  ),
  wrongLoader(
    'tells each caller of the failure in an error of its own',
    ['first error', 'the same error'],
    class extends Loader {
      override load(sku: Sku, signal: AbortSignal) {
        return super.load(sku, signal).catch((error: Error) => {
          throw signal.aborted || error instanceof UnknownSkuError ? error : new Error(error.message)
        })
      }
    },
  ),
  wrongLoader(
    'fails all its queries with the first that fails',
    ['the same error', 'any schedule'],
    class extends Loader {
      readonly failed = new AbortController()
      override find(skus: readonly Sku[], signal: AbortSignal) {
        return super.find(skus, AbortSignal.any([signal, this.failed.signal])).catch((error: unknown) => {
          this.failed.abort(error)
          throw error
        })
      }
    },
  ),
  wrongLoader(
    'asks for those who have left, too',
    ['leaving a window', 'any schedule'],
    class extends Loader {
      readonly skus = new WeakMap<Window, Set<Sku>>()
      override gather(window: Window, sku: Sku) {
        super.gather(window, sku)
        this.skus.set(window, (this.skus.get(window) ?? new Set()).add(sku))
      }
      override ask(window: Window) {
        for (const sku of this.skus.get(window) ?? [])
          if (!window.waiting.has(sku)) window.waiting.set(sku, 0)
        super.ask(window)
      }
    },
  ),
  wrongLoader(
    'forgets a sku with the first who leaves it',
    ['leaving a window', 'any schedule'],
    class extends Loader {
      override leave(window: Window, sku: Sku) {
        if (this.open === window) window.waiting.set(sku, 1)
        super.leave(window, sku)
      }
    },
  ),
  wrongLoader(
    'gives a sku another place when its first caller leaves',
    ['leaving a window', 'any schedule'],
    class extends Loader {
      override leave(window: Window, sku: Sku) {
        super.leave(window, sku)
        const count = window.waiting.get(sku)
        if (count === undefined) return
        window.waiting.delete(sku)
        window.waiting.set(sku, count)
      }
    },
  ),
  wrongLoader(
    'leaves a window a moment after the abort',
    ['leaving a window'],
    class extends Loader {
      override leave(window: Window, sku: Sku) {
        queueMicrotask(() => super.leave(window, sku))
      }
    },
  ),
  wrongLoader(
    'leaves a window open that nobody waits in',
    ['leaving a window', 'any schedule'],
    class extends Loader {
      override end(window: Window) {
        if (this.open !== window) super.end(window)
      }
    },
  ),
  wrongLoader(
    'leaves the timer of a window that nobody waits in',
    ['leaving a window', 'any schedule'],
    class extends Loader {
      override end(window: Window) {
        if (this.open === window) this.open = undefined
        window.left.abort()
      }
      override ask(window: Window) {
        if (!window.left.signal.aborted) super.ask(window)
      }
    },
  ),
  wrongLoader(
    'cancels the query when one of its callers leaves',
    ['leaving a query', 'any schedule'],
    class extends Loader {
      override leave(window: Window, sku: Sku) {
        super.leave(window, sku)
        if (this.open !== window) window.left.abort(new Error('somebody has left'))
      }
    },
  ),
  wrongLoader(
    'lets the query run when all have left',
    ['leaving a query', 'nothing outlives it', 'at every step', 'any schedule'],
    class extends Loader {
      override find(skus: readonly Sku[]) {
        return super.find(skus, never)
      }
    },
  ),
  wrongLoader(
    'ends the open window with the last caller of another',
    ['leaving a query', 'any schedule'],
    class extends Loader {
      override end(window: Window) {
        super.end(window)
        this.open = undefined
      }
    },
  ),
  wrongLoader(
    'opens a window for who has left before',
    ['aborted before', 'aborted before a window'],
    class extends Loader {
      override load(sku: Sku, signal: AbortSignal) {
        if (!signal.aborted) return super.load(sku, signal)
        this.join(sku)
        return Promise.reject(signal.reason as Error)
      }
    },
  ),
  wrongLoader(
    'keeps its window open until it has been answered',
    ['from an answer', 'any schedule'],
    class extends Loader {
      readonly asked = new Set<Window>()
      override ask(window: Window) {
        super.ask(window)
        this.asked.add(window)
        this.open = window
        const close = () => setImmediate(() => super.end(window))
        window.stocks.promise.then(close, close)
      }
      override isFull(window: Window) {
        return !this.asked.has(window) && super.isFull(window)
      }
      override end(window: Window) {
        if (!this.asked.has(window)) super.end(window)
      }
    },
  ),
  wrongLoader(
    'takes the longest window for none',
    ['longest window'],
    class extends Loader {
      constructor(port: Port, { windowMs, max }: BatchInput) {
        // A signed 32-bit integer overflows: Node fires after 1 ms.
        super(port, { windowMs: windowMs === 2 ** 31 - 1 ? 1 : windowMs, max })
      }
    },
  ),
  wrong('takes any number for a window', ['wrong input'], {
    batch: (port, input) => new Loader(port, input),
  }),
]
