/**
 * Lends connections to Postgres: first come, first served.
 *
 * At most `max` connections exist at any time, and that counts those that are still connecting and
 * those that are dying: a slot is free when the socket has closed. They are opened when somebody waits
 * for one, and the one that was used last is lent first.
 *
 * Waiters stand in a linked list, so that one who leaves costs the others nothing. Attempts to connect
 * are not tied to a waiter: whichever connection is free first goes to whoever has waited longest, and
 * an attempt that fails is told to whoever has waited longest, unless enough attempts are left.
 */
import { DatabaseError } from '@overlap/workload'
import { Connection, type Owner } from './connection.ts'
import { toDatabaseError } from './database-errors.ts'
import type { PgClient } from './pg-client.ts'

/** Somebody who wants a connection: one of the two is called, once, unless it has left before. */
export abstract class Borrower {
  /** The lender's own: the neighbours in the queue. */
  before: Borrower | null = null
  after: Borrower | null = null
  waiting = false
  /** Since when it waits (`performance.now()`). */
  since = 0

  /** Called from within `lend` when a connection is idle. The connection gives itself back by being free again. */
  abstract lent(connection: Connection): void
  /** Never called from within `lend`. */
  abstract refused(error: DatabaseError): void
}

/** Counts of connections, and of the calls that wait for one. */
export interface LenderStats {
  readonly max: number
  /** All that exist: idle, lent, connecting and dying. */
  readonly open: number
  readonly idle: number
  /** With a query that runs, or that was cancelled and has not stopped yet; or held by a session. */
  readonly lent: number
  readonly connecting: number
  readonly waiting: number
  /**
   * About how long somebody who comes now would wait, in ms: as if everybody in the line held a connection for
   * as long as it was held of late. At least as long as the first in the line has waited; 0 if nobody waits.
   */
  readonly waitMs: number
}

/** How much of the mean time that a connection is held for comes from the last time, as in TCP's estimate of a round trip. */
const NEWEST = 1 / 8

export class Lender implements Owner {
  readonly #max: number
  readonly #createClient: () => PgClient
  readonly #connections = new Set<Connection>()
  readonly #idle: Connection[] = []
  #connecting = 0
  #lent = 0
  #first: Borrower | null = null
  #last: Borrower | null = null
  #waiting = 0
  #meanHeldMs: number | undefined
  #closing: PromiseWithResolvers<void> | null = null

  constructor(max: number, createClient: () => PgClient) {
    this.#max = max
    this.#createClient = createClient
  }

  lend(borrower: Borrower): void {
    const connection = this.#idle.pop()
    if (connection) {
      this.#lendTo(borrower, connection, performance.now())
      return
    }
    this.#enqueue(borrower)
    if (this.#closing) process.nextTick(() => this.#refuse(borrower, new DatabaseError('the port is closed')))
    else this.#connectForWaiters()
  }

  /** Leaves the queue. A connection that was being opened goes to the next one, or becomes idle. */
  leave(borrower: Borrower): void {
    if (!borrower.waiting) return
    borrower.waiting = false
    this.#waiting--
    if (borrower.before) borrower.before.after = borrower.after
    else this.#first = borrower.after
    if (borrower.after) borrower.after.before = borrower.before
    else this.#last = borrower.before
    borrower.before = null
    borrower.after = null
  }

  stats(): LenderStats {
    return {
      max: this.#max,
      open: this.#connections.size,
      idle: this.#idle.length,
      lent: this.#lent,
      connecting: this.#connecting,
      waiting: this.#waiting,
      waitMs: this.#waitMs(),
    }
  }

  /** Refuses those who wait, cuts off what runs, and resolves once every socket has closed. */
  close(): Promise<void> {
    if (this.#closing) return this.#closing.promise
    this.#closing = Promise.withResolvers()
    if (this.#connections.size === 0) this.#closing.resolve()
    this.#idle.length = 0
    for (const connection of this.#connections) connection.close()
    while (this.#first) {
      const borrower = this.#first
      this.leave(borrower)
      process.nextTick(() => borrower.refused(new DatabaseError('the port is closed')))
    }
    return this.#closing.promise
  }

  connected(connection: Connection): void {
    this.#connecting--
    this.#lendOn(connection, performance.now())
  }

  refused(_connection: Connection, error: unknown): void {
    this.#connecting--
    if (this.#first && this.#connecting < this.#waiting) this.#refuse(this.#first, toDatabaseError(error))
  }

  free(connection: Connection): void {
    const now = performance.now()
    this.#lent--
    const heldMs = now - connection.lentAt
    this.#meanHeldMs ??= heldMs
    this.#meanHeldMs += (heldMs - this.#meanHeldMs) * NEWEST
    this.#lendOn(connection, now)
  }

  dying(connection: Connection): void {
    const index = this.#idle.indexOf(connection)
    if (index === -1) this.#lent--
    else this.#idle.splice(index, 1)
  }

  closed(connection: Connection): void {
    this.#connections.delete(connection)
    if (!this.#closing) this.#connectForWaiters()
    else if (this.#connections.size === 0) this.#closing.resolve()
  }

  #lendOn(connection: Connection, now: number) {
    if (this.#closing) {
      connection.close()
      return
    }
    const borrower = this.#first
    if (borrower === null) {
      this.#idle.push(connection)
      return
    }
    this.leave(borrower)
    this.#lendTo(borrower, connection, now)
  }

  #lendTo(borrower: Borrower, connection: Connection, now: number) {
    this.#lent++
    connection.lentAt = now
    borrower.lent(connection)
  }

  #waitMs(): number {
    if (this.#first === null) return 0
    const waited = performance.now() - this.#first.since
    return Math.max(waited, (this.#waiting / this.#max) * (this.#meanHeldMs ?? 0))
  }

  #connectForWaiters() {
    while (this.#connecting < this.#waiting && this.#connections.size < this.#max) {
      this.#connecting++
      this.#connections.add(new Connection(this.#createClient(), this))
    }
  }

  #enqueue(borrower: Borrower) {
    borrower.waiting = true
    borrower.since = performance.now()
    borrower.before = this.#last
    if (this.#last) this.#last.after = borrower
    else this.#first = borrower
    this.#last = borrower
    this.#waiting++
  }

  #refuse(borrower: Borrower, error: DatabaseError) {
    if (!borrower.waiting) return
    this.leave(borrower)
    borrower.refused(error)
  }
}
