/**
 * Reads stock with one query, on a connection that is lent for it: one product's, or that of many.
 *
 * Cancelling it while it waits leaves the queue; while it runs, interrupts it in the server. The
 * connection is lent to nobody before that is over, and nobody has to wait for it here.
 */
import { DatabaseError, UnknownSkuError, type Call, type Done, type Sku, type Stock } from '@overlap/workload'
import type { QueryArrayConfig } from 'pg'
import { FAILING, type AskedDatabase } from './asked-database.ts'
import type { Connection, Job, Rows } from './connection.ts'
import { toDatabaseError } from './database-errors.ts'
import { Borrower, type Lender } from './lender.ts'
import type { Watcher } from './watcher.ts'

/** A query as a call of the port: what it says to the server, and what it makes of the rows. */
interface Question<I, A, E extends Error> {
  readonly name: 'findStock' | 'findStocks'
  readonly atOnce: { readonly name: string; readonly text: string }
  /** The delay in ms is its second parameter. */
  readonly delayed: { readonly name: string; readonly text: string }
  readonly read: (rows: Rows, asked: I) => A | E | DatabaseError
}

/** The server sleeps once per row that it finds, so an unknown sku is answered at once. */
const one: Question<Sku, Stock, UnknownSkuError> = {
  name: 'findStock',
  atOnce: { name: 'overlap-stock', text: 'SELECT sku, on_hand FROM overlap.stock WHERE sku = $1' },
  delayed: {
    name: 'overlap-stock-delayed',
    text: 'SELECT sku, on_hand, pg_sleep($2::int / 1000.0) FROM overlap.stock WHERE sku = $1',
  },
  read: ([row], sku) => (row === undefined ? new UnknownSkuError(sku) : readStock(row)),
}

/** The server sleeps once, before it looks for the rows, however many they are. */
const many: Question<readonly Sku[], readonly Stock[], never> = {
  name: 'findStocks',
  atOnce: { name: 'overlap-stocks', text: 'SELECT sku, on_hand FROM overlap.stock WHERE sku = ANY($1)' },
  delayed: {
    name: 'overlap-stocks-delayed',
    text: `
      SELECT sku, on_hand FROM overlap.stock
      WHERE sku = ANY($1) AND (SELECT pg_sleep($2::int / 1000.0)) IS NOT NULL`,
  },
  read: (rows) => {
    const stocks: Stock[] = []
    for (const row of rows) {
      const stock = readStock(row)
      if (stock instanceof Error) return stock
      stocks.push(stock)
    }
    return stocks
  },
}

export function createFindStock(
  lender: Lender,
  database: AskedDatabase,
  watcher: Watcher,
): Call<Sku, Stock, DatabaseError | UnknownSkuError> {
  return (sku, done) => {
    const call = new StockCall(lender, one, sku, database, done, watcher)
    lender.lend(call)
    return () => call.cancel()
  }
}

export function createFindStocks(
  lender: Lender,
  database: AskedDatabase,
  watcher: Watcher,
): Call<readonly Sku[], readonly Stock[], DatabaseError> {
  return (skus, done) => {
    const call = new StockCall(lender, many, skus, database, done, watcher)
    lender.lend(call)
    return () => call.cancel()
  }
}

class StockCall<I, A, E extends Error> extends Borrower implements Job {
  readonly #lender: Lender
  readonly #question: Question<I, A, E>
  readonly #asked: I
  readonly #database: AskedDatabase
  readonly #watcher: Watcher
  readonly #id: number
  /** `null` once the call has been answered or cancelled. */
  #done: Done<A, E | DatabaseError> | null
  #connection: Connection | null = null

  constructor(
    lender: Lender,
    question: Question<I, A, E>,
    asked: I,
    database: AskedDatabase,
    done: Done<A, E | DatabaseError>,
    watcher: Watcher,
  ) {
    super()
    this.#lender = lender
    this.#question = question
    this.#asked = asked
    this.#database = database
    this.#done = done
    this.#watcher = watcher
    this.#id = watcher.started(question.name)
  }

  lent(connection: Connection): void {
    this.#connection = connection
    this.#watcher.tell(this.#question.name, 'sent', this.#id)
    connection.run(this.#query(), this)
  }

  refused(error: DatabaseError): void {
    this.#fail(error)
  }

  settled(error: unknown, rows: Rows): void {
    // Whoever was told that the connection is lent again has cancelled us in the meantime.
    if (this.#done === null) {
      this.stopped()
      return
    }
    if (error !== null) {
      this.#fail(toDatabaseError(error))
      return
    }
    const answer = this.#question.read(rows, this.#asked)
    if (answer instanceof Error) {
      this.#fail(answer)
      return
    }
    const done = this.#done
    this.#done = null
    this.#watcher.tell(this.#question.name, 'succeeded', this.#id)
    done?.(null, answer)
  }

  stopped(): void {
    this.#watcher.tell(this.#question.name, 'stopped', this.#id)
  }

  cancel(): void {
    if (this.#done === null) return
    this.#done = null
    this.#watcher.tell(this.#question.name, 'cancelled', this.#id)
    if (this.#connection) {
      this.#connection.stop(this)
    } else {
      this.#lender.leave(this)
      this.stopped()
    }
  }

  #query(): QueryArrayConfig<unknown[]> {
    const { dbMs, dbFails } = this.#database
    const { atOnce, delayed } = this.#question
    const { name, text } = dbFails ? FAILING : dbMs === 0 ? atOnce : delayed
    const values = dbFails ? [dbMs] : dbMs === 0 ? [this.#asked] : [this.#asked, dbMs]
    return { name, text, rowMode: 'array', values }
  }

  #fail(error: E | DatabaseError) {
    const done = this.#done
    if (done === null) return
    this.#done = null
    this.#watcher.tell(this.#question.name, 'failed', this.#id)
    done(error)
  }
}

function readStock([sku, onHand]: readonly unknown[]): Stock | DatabaseError {
  if (typeof sku === 'string' && typeof onHand === 'number' && Number.isSafeInteger(onHand) && onHand >= 0)
    return { sku, onHand }
  return new DatabaseError('the database answered with a stock that is not a count')
}
