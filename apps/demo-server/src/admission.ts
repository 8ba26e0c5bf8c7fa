/**
 * How many runs are let in: so many that none of them waits for long. A server that lets everybody in gets slower
 * for all of them as soon as more come than it can serve, until nobody waits for its answers any more.
 *
 * A run waits in two places: for its turn in the event loop, and for a connection to Postgres. Both waits are looked
 * at every 10 ms. When one is too long, the limit is a tenth less than what runs now; otherwise it grows by a twentieth,
 * up to `maxRuns`. So it finds what the server can do with what is asked for at present, and a request costs no more
 * than a comparison and a count. One late turn may be a garbage collection, so it takes two in a row. But many
 * requests can come in one turn, so the line for a connection is looked at after every 50 of them too.
 *
 * It does not see a wait elsewhere, in the reservation service for instance: how long that takes is not its own doing.
 *
 * Source: RFC 8289 (CoDel: the wait says more than the length of the line, and its minimum more than its maximum) and
 * RFC 5681 (TCP: the limit is found by exceeding it, and lowered in proportion)
 */
import type { ServerPort } from './context.ts'

export interface AdmissionLimits {
  /** Runs that have not settled, at least 1. */
  readonly maxRuns: number
  /** How many ms a run may have to wait for a connection to Postgres, when more than two wait for each connection. */
  readonly maxWaitMs: number
  /** How many ms the event loop may be late. */
  readonly maxLagMs: number
}

const TICK_MS = 10
/** A line that is no longer than that, for each connection, is none: with slow queries, its wait is long all the same. */
const TURNS = 2
/** With so many runs, it is not their number that makes the event loop late. */
const FEWEST = 100
const MANY = 50
const LESS = 0.9
const MORE = 1.05

export class Admission {
  /** How many runs there may be now. */
  limit: number
  /** Runs of scenarios that have begun and not settled; who follows the feed is none. */
  running = 0
  /** Runs that were not let in, since the start. */
  refused = 0
  readonly #port: Pick<ServerPort, 'stats'>
  readonly #limits: AdmissionLimits
  #lagMs = 0
  #begun = 0
  #timer: NodeJS.Timeout | undefined

  constructor(port: Pick<ServerPort, 'stats'>, limits: AdmissionLimits) {
    this.#port = port
    this.#limits = limits
    this.limit = limits.maxRuns
  }

  /** One run more would be too many. */
  get full(): boolean {
    return this.running >= this.limit
  }

  /** Looks at the waits until it is stopped, and keeps no process alive. */
  start(): void {
    let last = performance.now()
    const look = () => {
      const now = performance.now()
      this.adapt(now - last - TICK_MS)
      last = now
    }
    this.#timer = setInterval(look, TICK_MS).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** A run has begun, and made its first calls. */
  begin(): void {
    this.running++
    if (++this.#begun < MANY) return
    this.#begun = 0
    if (this.#isCrowded()) this.limit = this.#less(1)
  }

  /** A run that has begun has settled. */
  settle(): void {
    this.running--
  }

  /** `lagMs`: how late the event loop was. */
  adapt(lagMs: number): void {
    const { maxRuns, maxLagMs } = this.#limits
    const lasting = Math.min(lagMs, this.#lagMs)
    this.#lagMs = lagMs
    if (this.#isCrowded()) this.limit = this.#less(1)
    else if (lasting > maxLagMs) this.limit = this.#less(FEWEST)
    else this.limit = Math.min(maxRuns, Math.ceil(Math.max(this.limit, this.running) * MORE))
  }

  #isCrowded(): boolean {
    const { max, waiting, waitMs } = this.#port.stats().database
    return waiting > TURNS * max && waitMs > this.#limits.maxWaitMs
  }

  #less(fewest: number): number {
    return Math.min(this.#limits.maxRuns, Math.max(fewest, Math.floor(this.running * LESS)))
  }
}
