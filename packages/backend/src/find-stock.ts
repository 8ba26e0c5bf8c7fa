/**
 * Reads one product's stock with one query, on a connection that is lent for it.
 *
 * Cancelling it while it waits leaves the queue; while it runs, interrupts it in the server. The
 * connection is lent to nobody before that is over, and nobody has to wait for it here.
 */
import { DatabaseError, UnknownSkuError, type Call, type Done, type Sku, type Stock } from '@overlap/workload'
import type { Connection, Job, Rows } from './connection.ts'
import { toDatabaseError } from './database-errors.ts'
import { Borrower, type Lender } from './lender.ts'
import type { Watcher } from './watcher.ts'

type StockError = DatabaseError | UnknownSkuError
type StockDone = Done<Stock, StockError>

/** The server sleeps once per row that it finds, so an unknown sku is answered at once. */
const AT_ONCE = { name: 'overlap-stock', text: 'SELECT sku, on_hand FROM overlap.stock WHERE sku = $1' }
const DELAYED = {
  name: 'overlap-stock-delayed',
  text: 'SELECT sku, on_hand, pg_sleep($2::int / 1000.0) FROM overlap.stock WHERE sku = $1',
}

/** `dbMs`: how long the server takes to answer, 0 to 10,000 ms. */
export function createFindStock(
  lender: Lender,
  dbMs: number,
  watcher: Watcher,
): Call<Sku, Stock, StockError> {
  return (sku, done) => {
    const call = new StockCall(lender, sku, dbMs, done, watcher)
    lender.lend(call)
    return () => call.cancel()
  }
}

class StockCall extends Borrower implements Job {
  readonly #lender: Lender
  readonly #sku: Sku
  readonly #dbMs: number
  readonly #watcher: Watcher
  readonly #id: number
  /** `null` once the call has been answered or cancelled. */
  #done: StockDone | null
  #connection: Connection | null = null

  constructor(lender: Lender, sku: Sku, dbMs: number, done: StockDone, watcher: Watcher) {
    super()
    this.#lender = lender
    this.#sku = sku
    this.#dbMs = dbMs
    this.#done = done
    this.#watcher = watcher
    this.#id = watcher.started('findStock')
  }

  lent(connection: Connection): void {
    this.#connection = connection
    this.#watcher.tell('findStock', 'sent', this.#id)
    const values = this.#dbMs === 0 ? [this.#sku] : [this.#sku, this.#dbMs]
    const { name, text } = this.#dbMs === 0 ? AT_ONCE : DELAYED
    connection.run({ name, text, rowMode: 'array', values }, this)
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
    const stock = readStock(this.#sku, rows)
    if (stock instanceof Error) {
      this.#fail(stock)
      return
    }
    const done = this.#done
    this.#done = null
    this.#watcher.tell('findStock', 'succeeded', this.#id)
    done?.(null, stock)
  }

  stopped(): void {
    this.#watcher.tell('findStock', 'stopped', this.#id)
  }

  cancel(): void {
    if (this.#done === null) return
    this.#done = null
    this.#watcher.tell('findStock', 'cancelled', this.#id)
    if (this.#connection) {
      this.#connection.stop(this)
    } else {
      this.#lender.leave(this)
      this.stopped()
    }
  }

  #fail(error: StockError) {
    const done = this.#done
    if (done === null) return
    this.#done = null
    this.#watcher.tell('findStock', 'failed', this.#id)
    done(error)
  }
}

function readStock(asked: Sku, rows: Rows): Stock | StockError {
  const row = rows[0]
  if (row === undefined) return new UnknownSkuError(asked)
  const [sku, onHand] = row
  if (typeof sku === 'string' && typeof onHand === 'number' && Number.isSafeInteger(onHand) && onHand >= 0)
    return { sku, onHand }
  return new DatabaseError('the database answered with a stock that is not a count')
}
