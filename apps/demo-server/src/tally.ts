/** How many runs of one scenario in one style have settled, by how, and how long they took. */
import type { Outcome } from './run.ts'

/** Close to one another around 300 and 600 ms, which the runs of the talks take. */
const BOUNDS_MS = [
  1, 2.5, 5, 10, 25, 50, 100, 250, 300, 350, 500, 600, 700, 1000, 2500, 5000, 10_000, 25_000,
] as const

export class Tally implements Readonly<Record<Outcome, number>> {
  succeeded = 0
  failed = 0
  cancelled = 0
  sumMs = 0
  /** Runs by the first bound that they did not pass, and at last those that passed them all. */
  readonly #buckets = new Float64Array(BOUNDS_MS.length + 1)

  get settled(): number {
    return this.succeeded + this.failed + this.cancelled
  }

  add(outcome: Outcome, ms: number): void {
    this[outcome]++
    this.sumMs += ms
    let bucket = 0
    while (ms > (BOUNDS_MS[bucket] ?? Infinity)) bucket++
    this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + 1
  }

  /** How many took at most `leMs` each, as Prometheus counts; the last bound is infinity. */
  cumulated(): { leMs: number; count: number }[] {
    let count = 0
    return [...BOUNDS_MS, Infinity].map((leMs, bucket) => {
      count += this.#buckets[bucket] ?? 0
      return { leMs, count }
    })
  }
}
