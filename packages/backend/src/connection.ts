/**
 * One connection to Postgres, which runs one query at a time and can really stop it.
 *
 * A connection is *free* again when two things are certain: the server has said ReadyForQuery, which
 * comes after the answer and also after an error, and no CancelRequest is under way that could still
 * hit what runs next. If that takes longer than a budget (the request was lost, the server is frozen),
 * the socket is destroyed instead. So it is when a query is left unanswered: a network that has fallen
 * silent closes nothing by itself. The caller is answered only once the connection is free or closed:
 * a caller that asks again from within its callback finds it idle.
 *
 * A transaction needs its connection between its queries as well: then it is *held*, and free only when
 * it has been released.
 *
 * Life: connecting → free ⇄ running → closed. `closed` comes last, once, in every case.
 */
import { Socket } from 'node:net'
import type { QueryArrayConfig, QueryArrayResult } from 'pg'
import { sendCancelRequest } from './cancel-request.ts'
import type { PgClient } from './pg-client.ts'
import { throwLater } from './throw-later.ts'

/** How long a query may take to settle once it was cancelled or has failed. */
export const SETTLE_MS = 2_000

/** How long after a CancelRequest another one is sent: one that has overtaken its query has no effect. */
const AGAIN_MS = 50

export type Rows = readonly (readonly unknown[])[]

/** Whoever has a query running. Exactly one of the two is called, once, and never synchronously. */
export interface Job {
  /** `error` is what `pg` reports, `null` if there was none; `command` is what the server says it has done. */
  settled(error: unknown, rows: Rows, command: string | null): void
  /** Instead of `settled`, after `stop`: nothing of the query runs any more. */
  stopped(): void
}

/** Whoever holds the connections. */
export interface Owner {
  connected(connection: Connection): void
  /** It could not connect; `closed` follows. */
  refused(connection: Connection, error: unknown): void
  /** It may be lent. Not called any more once it is dying. */
  free(connection: Connection): void
  /** It must not be lent any more; `closed` follows. */
  dying(connection: Connection): void
  /** Its socket has closed. */
  closed(connection: Connection): void
}

interface Answer {
  readonly error: unknown
  readonly rows: Rows
  readonly command: string | null
}

const LATE: Answer = {
  error: Object.assign(new Error('No answer in time'), { code: 'ETIMEDOUT' }),
  rows: [],
  command: null,
}
const LOST: Answer = { error: new Error('Connection terminated unexpectedly'), rows: [], command: null }

export class Connection {
  /** The lender's own: when it was lent last (`performance.now()`). */
  lentAt = 0
  readonly #client: PgClient
  readonly #owner: Owner
  #address: string | undefined
  #usable = false
  #held = false
  #closed = false
  #job: Job | null = null
  #stopping = false
  /** What the server has said about the query; it has not said ReadyForQuery yet. */
  #answer: Answer | null = null
  #ready = true
  #abandonCancel: (() => void) | null = null
  #patience: NodeJS.Timeout | undefined
  #budget: NodeJS.Timeout | undefined
  #again: NodeJS.Timeout | undefined

  constructor(client: PgClient, owner: Owner) {
    this.#client = client
    this.#owner = owner
    client.on('error', () => this.#destroy())
    client.on('drain', () => this.#becameReady())
    client.on('end', () => this.#ended())
    client.connect((error: Error | null) => {
      if (error) {
        client.connection.stream.destroy()
        owner.refused(this, error)
        return
      }
      const { stream } = client.connection
      if (stream instanceof Socket) this.#address = stream.remoteAddress
      this.#usable = true
      owner.connected(this)
    })
  }

  /** Only when free, or when it is held and nothing runs on it. One that was lost then fails every query. */
  run(query: QueryArrayConfig<unknown[]>, job: Job): void {
    if (this.#closed) {
      process.nextTick(() => job.settled(LOST.error, LOST.rows, LOST.command))
      return
    }
    this.#job = job
    this.#ready = false
    this.#patience = setTimeout(() => this.#giveUp(), this.#client.answerTimeoutMs)
    this.#client.query(query, this.#answered)
  }

  /** Stops the query of `job`, which is told `stopped` and nothing else, unless it has settled by now. */
  stop(job: Job): void {
    if (this.#job !== job || this.#stopping) return
    this.#stopping = true
    // What has been answered, or has lost its connection, needs only to settle.
    if (this.#answer !== null || !this.#usable) return
    this.#startBudget()
    this.#sendCancel()
  }

  /** From now on it stays lent when a query has settled, until `release`. */
  hold(): void {
    this.#held = true
  }

  /** Only when nothing runs on it. */
  release(): void {
    this.#held = false
    this.#freeOnceSettled()
  }

  /** In order when it is free; otherwise what runs, or holds it, is cut off, and fails. */
  close(): void {
    if (this.#usable && this.#ready && this.#abandonCancel === null && !this.#held) {
      this.#usable = false
      this.#startBudget()
      this.#client.end(() => {})
    } else this.#destroy()
  }

  readonly #answered = (error: Error | null, result: QueryArrayResult | undefined) => {
    // What comes after it has been given up is only that its socket has closed.
    if (this.#closed || this.#answer) return
    this.#answer = { error, rows: result?.rows ?? [], command: result?.command ?? null }
    if (error) this.#startBudget()
  }

  #sendCancel() {
    this.#abandonCancel = sendCancelRequest(this.#client, this.#address, (delivered) => {
      this.#abandonCancel = null
      if (!delivered) this.#destroy()
      else if (this.#ready) this.#freeOnceSettled()
      else if (this.#usable) this.#again = setTimeout(() => this.#sendCancel(), AGAIN_MS)
    })
  }

  #giveUp() {
    this.#answer ??= LATE
    this.#destroy()
  }

  #becameReady() {
    clearTimeout(this.#patience)
    clearTimeout(this.#again)
    this.#ready = true
    this.#freeOnceSettled()
  }

  #freeOnceSettled() {
    if (!this.#ready || this.#abandonCancel !== null || !this.#usable) return
    clearTimeout(this.#budget)
    this.#budget = undefined
    this.#hand(() => {
      if (!this.#held) this.#owner.free(this)
    })
  }

  #ended() {
    this.#closed = true
    clearTimeout(this.#patience)
    clearTimeout(this.#budget)
    clearTimeout(this.#again)
    this.#abandonCancel?.()
    this.#destroy()
    this.#answer ??= LOST
    this.#hand(() => this.#owner.closed(this))
  }

  /** Takes what is left of the query before `release` lends the connection on, and answers after it. */
  #hand(release: () => void) {
    const job = this.#job
    const answer = this.#answer
    const stopping = this.#stopping
    this.#job = null
    this.#answer = null
    this.#stopping = false
    release()
    if (job === null) return
    throwLater(() => {
      if (stopping) job.stopped()
      else if (answer) job.settled(answer.error, answer.rows, answer.command)
    })
  }

  #startBudget() {
    this.#budget ??= setTimeout(() => this.#destroy(), SETTLE_MS)
  }

  #destroy() {
    if (this.#usable) {
      this.#usable = false
      this.#owner.dying(this)
    }
    this.#client.connection.stream.destroy()
  }
}
