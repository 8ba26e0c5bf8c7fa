/** What came of the requests to one URL, while they are being sent. */
import { Latencies, type Times } from './latencies.ts'
import type { UrlReport } from './run-load.ts'

interface Answers {
  readonly all: Latencies
  /** Since the last look. */
  readonly recent: Latencies
}

export class Count {
  unsent = 0
  failed = 0
  /** For how long it was under load. */
  ms = 0
  readonly #late = new Latencies()
  readonly #byStatus = new Map<number, Answers>()

  answer(status: number, ms: number): void {
    let answers = this.#byStatus.get(status)
    if (!answers) this.#byStatus.set(status, (answers = { all: new Latencies(), recent: new Latencies() }))
    answers.recent.record(ms)
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

  /** Of what has been looked at. `msNow`: how long it has been under load, together with the slice that goes on. */
  report(msNow: number): UrlReport {
    const seconds = msNow / 1000
    return {
      seconds,
      failed: this.failed,
      unsent: this.unsent,
      lateMs: this.#late.times,
      answers: [...this.#byStatus].flatMap(([status, { all }]) => {
        const ms = all.times
        if (!ms) return []
        return [{ status, count: all.count, perSecond: all.count / seconds, ms, bins: all.bins }]
      }),
    }
  }
}
