/**
 * A transaction: a connection that is lent for it, from BEGIN until the session is closed.
 *
 * Whatever is cancelled or closed here returns at once. What is left to do is done behind the scenes: the
 * connection goes back once the transaction has ended, and the books are kept (`orders.ts`).
 */
import { DatabaseError, type Call, type Done, type Session } from '@overlap/workload'
import type { AskedDatabase } from './asked-database.ts'
import { Commit } from './commit.ts'
import type { Connection, Job } from './connection.ts'
import { toDatabaseError } from './database-errors.ts'
import { GiveBack } from './give-back.ts'
import { Borrower, type Lender } from './lender.ts'
import type { Orders } from './orders.ts'
import { TakeStock } from './take-stock.ts'
import { Told } from './told.ts'
import { Transaction } from './transaction.ts'
import type { Watcher } from './watcher.ts'

/** Each statement sees what is committed when it begins, whatever the database's default may be. */
const BEGIN = { text: 'BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE', rowMode: 'array' } as const

/** `database`: what is asked of it for `takeStock`. */
export function createOpenSession(
  lender: Lender,
  orders: Orders,
  database: AskedDatabase,
  watcher: Watcher,
): Call<void, Session, DatabaseError> {
  return (_, done) => {
    const opening = new Opening(lender, done, watcher, (connection) =>
      openSession(connection, orders, database, watcher),
    )
    lender.lend(opening)
    return () => opening.cancel()
  }
}

/** The call of `openSession`. Until it has been answered, the connection is its own. */
class Opening extends Borrower implements Job {
  readonly #lender: Lender
  readonly #told: Told<Session, DatabaseError>
  readonly #open: (connection: Connection) => Session
  #connection: Connection | null = null

  constructor(
    lender: Lender,
    done: Done<Session, DatabaseError>,
    watcher: Watcher,
    open: (connection: Connection) => Session,
  ) {
    super()
    this.#lender = lender
    this.#told = new Told('openSession', done, watcher)
    this.#open = open
  }

  lent(connection: Connection): void {
    this.#connection = connection
    connection.hold()
    this.#told.sent()
    connection.run(BEGIN, this)
  }

  refused(error: DatabaseError): void {
    this.#told.fail(error)
  }

  settled(error: unknown): void {
    if (this.#told.over) this.stopped()
    else if (error === null && this.#connection) this.#told.succeed(this.#open(this.#connection))
    else {
      this.#giveBack()
      this.#told.fail(toDatabaseError(error))
    }
  }

  stopped(): void {
    this.#giveBack(() => this.#told.stopped())
  }

  cancel(): void {
    if (!this.#told.cancel()) return
    if (this.#connection) {
      this.#connection.stop(this)
    } else {
      this.#lender.leave(this)
      this.#told.stopped()
    }
  }

  #giveBack(over?: () => void) {
    if (this.#connection) new GiveBack(this.#connection, over).rollBack()
  }
}

function openSession(
  connection: Connection,
  orders: Orders,
  database: AskedDatabase,
  watcher: Watcher,
): Session {
  const transaction = new Transaction(connection, orders)
  return {
    order: transaction.deal.order,
    takeStock(input, done) {
      transaction.check()
      const told = new Told('takeStock', done, watcher)
      return transaction.start(new TakeStock(transaction, input, database, told), told)
    },
    commit(_, done) {
      transaction.check()
      const told = new Told('commit', done, watcher)
      return transaction.start(new Commit(transaction, told), told)
    },
    close: () => transaction.close(),
  }
}
