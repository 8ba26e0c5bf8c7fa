/**
 * The runs that have not settled, and the end of them all: once it is closing nothing starts, what never ends
 * of itself is cancelled, the rest may finish, and what has not finished after the grace is cancelled too.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { KnownError } from '@overlap/workload'

/** Why a run was cancelled: nobody is there to read the answer. */
export class ClientLeftError extends Error {
  override readonly name = 'ClientLeftError'
}

/** Why a run was cancelled: its request has said so beforehand, in `abortMs`. */
export class AbortedError extends KnownError {
  override readonly name = 'AbortedError'
  readonly kind = 'deadline'
  readonly ms: number

  constructor(ms: number) {
    super(`aborted after ${ms} ms`)
    this.ms = ms
  }
}

/** Why a run was cancelled: the server had waited for it for as long as it may, or it has no end to wait for. */
export class ClosingError extends KnownError {
  override readonly name = 'ClosingError'
  readonly kind = 'closed'
}

/** How long cancelled runs have to settle before they are given up. A sound style needs one turn. */
const SETTLE_MS = 2000

interface Cancellable {
  readonly endless: boolean
  /** Where it stands among those that have not settled: the business of `Runs` alone. */
  place: number
  cancel(reason: Error): void
}

/**
 * They stand in an array, and each knows its place. A `Set` that changes with every request costs more than it seems: when its
 * table is full it gets a new one, and the old one points to the new. Once one of these tables has grown old, it keeps all
 * that come after it, and the runs in them, until V8 collects the old generation, and copies all of that
 * whenever it collects the young: nepotism.
 *
 * Sources: https://www.memorymanagement.org/glossary/n.html#term-nepotism, and what
 * https://github.com/v8/v8/blob/main/src/objects/ordered-hash-table.h says of obsolete tables.
 */
export class Runs {
  readonly #running: Cancellable[] = []
  readonly #empty = Promise.withResolvers<true>()
  #closing = false

  get closing(): boolean {
    return this.#closing
  }

  add(run: Cancellable): void {
    run.place = this.#running.length
    this.#running.push(run)
  }

  /** Once for each that was added. The last takes its place. */
  delete(run: Cancellable): void {
    const last = this.#running.pop()
    if (last && last !== run) {
      this.#running[run.place] = last
      last.place = run.place
    }
    if (this.#closing) this.#resolveIfEmpty()
  }

  /**
   * Starts closing. Resolves when nothing runs any more, with whether all of it finished within
   * `graceMs`: the rest was cancelled. What is endless need not finish. Closing again may only shorten the wait.
   */
  async drain(graceMs: number): Promise<boolean> {
    this.#closing = true
    this.#resolveIfEmpty()
    for (const run of this.#running.filter(({ endless }) => endless)) run.cancel(closingReason())
    if (await this.#emptyWithin(graceMs)) return true
    // A copy, because who settles at once leaves its place to the last.
    const late = [...this.#running]
    for (const run of late) run.cancel(closingReason())
    await this.#emptyWithin(SETTLE_MS)
    return false
  }

  async #emptyWithin(ms: number): Promise<boolean> {
    const timer = new AbortController()
    const empty = await Promise.race([
      this.#empty.promise,
      sleep(ms, false, { signal: timer.signal }).catch(() => false),
    ])
    timer.abort()
    return empty
  }

  #resolveIfEmpty() {
    if (this.#running.length === 0) this.#empty.resolve(true)
  }
}

const closingReason = () => new ClosingError('the server is closing')
