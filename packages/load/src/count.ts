/** What came of the requests to one URL, while they are being sent. */
import { Latencies, type Times } from './latencies.ts'
import type { UrlReport } from './run-load.ts'

interface Answers {
  readonly all: Latencies
  /** Since the last look. */
  readonly recent: Latencies
  /** Those that had come when the last request of the slice was sent. */
  atLastSent: number
  /** Those that came when no rate was measured. */
  unrated: number
}

export class Count {
  unsent = 0
  failed = 0
  /** For how long it was under load, in the slices that are over. */
  ms = 0
  /** The part of that in which its rate was measured. */
  rateMs = 0
  readonly #late = new Latencies()
  readonly #byStatus = new Map<number, Answers>()

  answer(status: number, ms: number): void {
    let answers = this.#byStatus.get(status)
    if (!answers) {
      answers = { all: new Latencies(), recent: new Latencies(), atLastSent: 0, unrated: 0 }
      this.#byStatus.set(status, answers)
    }
    answers.recent.record(ms)
  }

  /** The last request of a slice has been sent. */
  markLastSent(): void {
    for (const answers of this.#byStatus.values())
      answers.atLastSent = answers.all.count + answers.recent.count
  }

  /** Those that have come since the last request was sent are not of the rate. */
  leaveOutLate(): void {
    for (const answers of this.#byStatus.values())
      answers.unrated += answers.all.count + answers.recent.count - answers.atLastSent
  }

  late(ms: number): void {
    this.#late.record(ms)
  }

  /** The successes since the last look. */
  look(): { readonly count: number; readonly ms: Times | null } {
    const successes = new Latencies()
    for (const [status, { all, recent }] of this.#byStatus) {
      if (status >= 200 && status < 300) successes.add(recent)
      all.add(recent)
      recent.reset()
    }
    return { count: successes.count, ms: successes.times }
  }

  /** Of what has been looked at. `sliceMs`: how long the slice has been that goes on. */
  report(sliceMs: number): UrlReport {
    const rateSeconds = (this.rateMs + sliceMs) / 1000
    return {
      seconds: (this.ms + sliceMs) / 1000,
      failed: this.failed,
      unsent: this.unsent,
      lateMs: this.#late.times,
      answers: [...this.#byStatus].flatMap(([status, { all, unrated }]) => {
        const ms = all.times
        if (!ms) return []
        const perSecond = (all.count - unrated) / rateSeconds
        return [{ status, count: all.count, perSecond, ms, bins: all.bins }]
      }),
    }
  }
}
