/** How long answers took: their number, their quantiles to three digits, and the bins that they are drawn with. */
import { createHistogram } from 'node:perf_hooks'
import { type Bin, binOf } from './bins.ts'

/** In ms. */
export interface Times {
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly max: number
}

/** What takes longer is counted as this. */
const LONGEST_MS = 600_000
/** Of the histogram. */
const UNITS_PER_MS = 1000

export class Latencies {
  /** Node's HdrHistogram, of µs. */
  readonly #histogram = createHistogram({ lowest: 1, highest: LONGEST_MS * UNITS_PER_MS, figures: 3 })
  readonly #bins = new Map<number, number>()

  record(ms: number): void {
    const units = Math.min(Math.max(Math.round(ms * UNITS_PER_MS), 1), LONGEST_MS * UNITS_PER_MS)
    this.#histogram.record(units)
    this.#count(binOf(units / UNITS_PER_MS), 1)
  }

  add(other: Latencies): void {
    this.#histogram.add(other.#histogram)
    for (const [bin, count] of other.#bins) this.#count(bin, count)
  }

  reset(): void {
    this.#histogram.reset()
    this.#bins.clear()
  }

  get count(): number {
    return this.#histogram.count
  }

  /** `null` when there are none. */
  get times(): Times | null {
    if (this.count === 0) return null
    const at = (percentile: number) => this.#histogram.percentile(percentile) / UNITS_PER_MS
    return { p50: at(50), p90: at(90), p99: at(99), max: this.#histogram.max / UNITS_PER_MS }
  }

  /** Those that are not empty, in their order. */
  get bins(): readonly Bin[] {
    return [...this.#bins].toSorted(([a], [b]) => a - b)
  }

  #count(bin: number, count: number) {
    this.#bins.set(bin, (this.#bins.get(bin) ?? 0) + count)
  }
}
