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
}

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
  #closing: PromiseWithResolvers<void> | null = null

  constructor(max: number, createClient: () => PgClient) {
    this.#max = max
    this.#createClient = createClient
  }

  lend(borrower: Borrower): void {
    const connection = this.#idle.pop()
    if (connection) {
      this.#lent++
      borrower.lent(connection)
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
    this.#lent++
    this.free(connection)
  }

  refused(_connection: Connection, error: unknown): void {
    this.#connecting--
    if (this.#first && this.#connecting < this.#waiting) this.#refuse(this.#first, toDatabaseError(error))
  }

  free(connection: Connection): void {
    this.#lent--
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
    this.#lent++
    borrower.lent(connection)
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

  #connectForWaiters() {
    while (this.#connecting < this.#waiting && this.#connections.size < this.#max) {
      this.#connecting++
      this.#connections.add(new Connection(this.#createClient(), this))
    }
  }

  #enqueue(borrower: Borrower) {
    borrower.waiting = true
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
