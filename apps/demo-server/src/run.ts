/**
 * One run of a scenario: how long it has taken, how to cancel it, and where it is counted.
 *
 * Created for every request, so it does no more than note the time and count. What its calls do is noted
 * by a `Watch`, and only when somebody wants to know.
 */
import type { Lane } from './lanes.ts'
import type { Runs } from './runs.ts'
import type { Tally } from './tally.ts'
import type { TracedCall, Watch } from './watch.ts'

export const outcomes = ['succeeded', 'failed', 'cancelled'] as const

export type Outcome = (typeof outcomes)[number]

/** One scenario in one style, with all that its runs share. */
export interface Cell {
  readonly scenario: string
  readonly lane: Lane
  readonly tally: Tally
  readonly runs: Runs
}

interface RunKind {
  /** It came because the style was the active one. */
  readonly byDefault: boolean
  readonly traced?: boolean
  readonly endless?: boolean
}

export class Run<C extends Cell = Cell> {
  readonly cell: C
  settled = false
  /** Who watches its calls, if anybody wants to know about them. */
  watch: Watch | undefined
  /** Whether its client does. */
  readonly traced: boolean
  /** It never ends of itself. */
  readonly endless: boolean
  /** See `Runs`. */
  place = -1
  /** How long it has waited for its turn, if it had to pass a gate. */
  queuedMs: number | undefined
  readonly #byDefault: number
  readonly #controller = new AbortController()
  #abortTimer: NodeJS.Timeout | undefined
  readonly #startedAt = performance.now()

  constructor(cell: C, { byDefault, traced = false, endless = false }: RunKind) {
    this.cell = cell
    this.traced = traced
    this.endless = endless
    this.#byDefault = byDefault ? 1 : 0
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Milliseconds since the run began, to one decimal. */
  get elapsedMs(): number {
    return Math.round((performance.now() - this.#startedAt) * 10) / 10
  }

  /** From now on it is counted among those that run. */
  begin(): void {
    const { lane, runs } = this.cell
    runs.add(this)
    lane.running++
    lane.runningByDefault += this.#byDefault
  }

  cancel(reason: Error): void {
    this.#controller.abort(reason)
  }

  /** Unless it has settled by then. */
  cancelAfter(ms: number, reason: Error): void {
    this.#abortTimer = setTimeout(() => this.cancel(reason), ms)
  }

  /** The calls so far, for a client that asked for them. */
  get trace(): readonly TracedCall[] | undefined {
    return this.traced ? this.watch?.trace : undefined
  }

  /** Hands back the value of `Server-Timing`: the whole, and before it what it waited for and, where they are traced, the calls. */
  settle(outcome: Outcome): string {
    const { lane, tally, runs } = this.cell
    const ms = this.elapsedMs
    this.settled = true
    clearTimeout(this.#abortTimer)
    this.watch?.settle(outcome)
    tally.add(outcome, ms)
    lane.running--
    lane.runningByDefault -= this.#byDefault
    runs.delete(this)
    const queue = this.queuedMs === undefined ? '' : `queue;dur=${this.queuedMs}, `
    const calls = this.traced && this.watch ? `${this.watch.callTimings()}, ` : ''
    return `${queue}${calls}total;dur=${ms}`
  }
}
