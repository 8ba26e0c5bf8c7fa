/**
 * One run of a scenario: how long it has taken, and how to cancel it.
 *
 * Created for every request, so it does no more than note the time. What its calls do is noted by a
 * `Watch`, and only when somebody wants to know.
 */
export const outcomes = ['succeeded', 'failed', 'cancelled'] as const

export type Outcome = (typeof outcomes)[number]

export class Run {
  settled = false
  readonly #controller = new AbortController()
  readonly #startedAt = performance.now()

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Milliseconds since the run began, to one decimal. */
  get elapsedMs(): number {
    return Math.round((performance.now() - this.#startedAt) * 10) / 10
  }

  cancel(reason: Error): void {
    this.#controller.abort(reason)
  }
}
