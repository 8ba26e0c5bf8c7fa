/**
 * One run of a scenario: it watches its calls, times them, and can be cancelled.
 *
 * Created for every request, so it does no more than note the time; events are built only while somebody
 * listens to them.
 */
import type { CallEvent, CallName, Observe } from '@overlap/backend'
import type { EventHub } from './event-hub.ts'

/** Milliseconds since the run began, to one decimal. `null`: it did not happen. */
export interface TracedCall {
  readonly call: CallName
  readonly startedMs: number
  /** When a connection was lent to it, and it was on its way. */
  sentMs: number | null
  endedMs: number | null
  outcome: Outcome | null
}

export const outcomes = ['succeeded', 'failed', 'cancelled'] as const

export type Outcome = (typeof outcomes)[number]

let lastId = 0

export class Run {
  readonly id = ++lastId
  settled = false
  readonly trace: TracedCall[] = []
  readonly #scenario: string
  readonly #style: string
  readonly #hub: EventHub
  readonly #controller = new AbortController()
  readonly #startedAt = performance.now()

  constructor(scenario: string, style: string, hub: EventHub) {
    this.#scenario = scenario
    this.#style = style
    this.#hub = hub
    if (hub.listening) this.#publish('run', { event: 'started' })
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  get elapsedMs(): number {
    return Math.round((performance.now() - this.#startedAt) * 10) / 10
  }

  cancel(reason: Error): void {
    this.#controller.abort(reason)
  }

  settle(outcome: Outcome): void {
    this.settled = true
    if (this.#hub.listening) this.#publish('run', { event: outcome })
  }

  readonly observe: Observe = (call, event, id) => {
    this.#note(call, event, id)
    if (this.#hub.listening) this.#publish('call', { call, event })
  }

  /** How long the calls of each kind took, together, and the whole. */
  serverTiming(): string {
    const now = this.elapsedMs
    let db = 0
    let http = 0
    for (const { call, startedMs, endedMs } of this.trace) {
      const ms = (endedMs ?? now) - startedMs
      if (call === 'findStock') db += ms
      else http += ms
    }
    return `db;dur=${db.toFixed(1)}, http;dur=${http.toFixed(1)}, total;dur=${now}`
  }

  #note(call: CallName, event: CallEvent, id: number) {
    // Confirmed only after the call has ended, and often after the run.
    if (event === 'stopped') return
    const now = this.elapsedMs
    if (event === 'started') {
      this.trace[id] = { call, startedMs: now, sentMs: null, endedMs: null, outcome: null }
      return
    }
    const entry = this.trace[id]
    if (!entry) return
    if (event === 'sent') {
      entry.sentMs = now
    } else {
      entry.endedMs = now
      entry.outcome = event
    }
  }

  #publish(name: 'run' | 'call', what: { call?: CallName; event: string }) {
    const { id: run, elapsedMs: atMs } = this
    this.#hub.publish(name, { run, scenario: this.#scenario, style: this.#style, ...what, atMs })
  }
}
