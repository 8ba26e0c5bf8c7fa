import type { Sku } from './model.ts'

/** The skus that are waited for, each of them once, however many wait for it. */
export class Wanted {
  readonly #waiting = new Map<Sku, number>()

  /** How many different ones there are. */
  get size(): number {
    return this.#waiting.size
  }

  /** In the order in which they were first asked for. One that nobody waited for meanwhile is asked for anew. */
  get skus(): readonly Sku[] {
    return [...this.#waiting.keys()]
  }

  /** One more waits for it. */
  add(sku: Sku): void {
    this.#waiting.set(sku, (this.#waiting.get(sku) ?? 0) + 1)
  }

  /** One of those who wait for it does not any more. */
  remove(sku: Sku): void {
    const others = (this.#waiting.get(sku) ?? 0) - 1
    if (others > 0) this.#waiting.set(sku, others)
    else this.#waiting.delete(sku)
  }
}
