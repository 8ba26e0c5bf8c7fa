/**
 * Watches the calls of one run: for the client that asked for a trace, and for those who listened to
 * `/api/events` when the run began. A run that nobody watches has none.
 */
import type { CallEvent, CallName, Observe } from '@overlap/backend'
import type { Audience } from './audiences.ts'
import type { Outcome, Run } from './run.ts'

/** Milliseconds since the run began, to one decimal. `null`: it did not happen. */
export interface TracedCall {
  readonly call: CallName
  readonly startedMs: number
  /** When a connection was lent to it, and it was on its way. */
  sentMs: number | null
  /** When the head of a request's answer had come. */
  answeringMs: number | null
  endedMs: number | null
  outcome: Outcome | null
}

/** Where a call spends its time, by its name in `Server-Timing`. */
const places: Readonly<Record<CallName, 'db' | 'http' | 'worker' | 'socket'>> = {
  findStock: 'db',
  findStocks: 'db',
  fetchReservation: 'http',
  fetchReservationFrom: 'http',
  openSession: 'db',
  takeStock: 'db',
  commit: 'db',
  confirmOrder: 'http',
  fetchPage: 'http',
  fetchPicture: 'http',
  resize: 'worker',
  listen: 'db',
  readChunk: 'socket',
  writeChunk: 'socket',
  endOutput: 'socket',
}

let lastId = 0

export class Watch {
  readonly id = ++lastId
  /** The calls in the order of their start. */
  readonly trace: TracedCall[] = []
  readonly #run: Run
  readonly #scenario: string
  readonly #style: string
  /** `undefined`: nobody listened when the run began, and who comes later hears of later runs. */
  readonly #audience: Audience | undefined

  constructor(run: Run, audience: Audience | undefined) {
    this.#run = run
    this.#scenario = run.cell.scenario
    this.#style = run.cell.lane.style.name
    this.#audience = audience
    this.#publish('run', { event: 'started' })
  }

  readonly observe: Observe = (call, event, id) => {
    this.#note(call, event, id)
    this.#publish('call', { call, event, id })
  }

  settle(outcome: Outcome): void {
    this.#publish('run', { event: outcome })
  }

  /** How long the calls of each kind took, together, in the form of `Server-Timing`. */
  callTimings(): string {
    const now = this.#run.elapsedMs
    const totals = { db: 0, http: 0, worker: 0, socket: 0 }
    for (const { call, startedMs, endedMs } of this.trace)
      totals[places[call]] += (endedMs ?? now) - startedMs
    const told = Object.entries(totals).filter(([place, ms]) => ms > 0 || place === 'db' || place === 'http')
    return told.map(([place, ms]) => `${place};dur=${ms.toFixed(1)}`).join(', ')
  }

  #note(call: CallName, event: CallEvent, id: number) {
    // Confirmed only after the call has ended, and often after the run.
    if (event === 'stopped') return
    const now = this.#run.elapsedMs
    if (event === 'started') {
      this.trace[id] = { call, startedMs: now, sentMs: null, answeringMs: null, endedMs: null, outcome: null }
      return
    }
    const entry = this.trace[id]
    if (!entry) return
    if (event === 'sent') {
      entry.sentMs = now
    } else if (event === 'answering') {
      entry.answeringMs = now
    } else {
      entry.endedMs = now
      entry.outcome = event
    }
  }

  #publish(name: 'run' | 'call', what: { call?: CallName; id?: number; event: string }) {
    if (!this.#audience?.listening) return
    const { elapsedMs: atMs } = this.#run
    this.#audience.publish(name, {
      run: this.id,
      scenario: this.#scenario,
      style: this.#style,
      ...what,
      atMs,
    })
  }
}
