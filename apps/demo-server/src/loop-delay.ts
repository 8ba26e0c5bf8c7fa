/**
 * How late the event loop is, for whoever tells it several times a second.
 *
 * `monitorEventLoopDelay` leaves out the turn that is under way when it is reset. That is the very turn in which the loop
 * has stood still, if what is told next has waited for it.
 */
import { createHistogram } from 'node:perf_hooks'

/** How often it is looked. */
const RESOLUTION_MS = 10

export class LoopDelay {
  /** In ns, 1 at least. */
  readonly #delays = createHistogram()
  readonly #timer: NodeJS.Timeout
  #last = performance.now()

  constructor() {
    this.#timer = setInterval(() => {
      this.#delays.record(Math.max(1, Math.round(this.#lateMs() * 1e6)))
      this.#last = performance.now()
    }, RESOLUTION_MS)
  }

  /** The 99th percentile in ms since `reset`, with what is late now. */
  get p99(): number {
    return Math.max(0, this.#delays.percentile(99) / 1e6, this.#lateMs())
  }

  reset(): void {
    this.#delays.reset()
    this.#last = Math.max(this.#last, performance.now() - RESOLUTION_MS)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #lateMs(): number {
    return performance.now() - this.#last - RESOLUTION_MS
  }
}
