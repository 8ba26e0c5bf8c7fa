/**
 * Takes units from a product's stock, within a transaction: the row is locked until that ends.
 *
 * Cancelling it interrupts it in the server, as it does with `findStock`.
 */
import { DatabaseError, OutOfStockError, UnknownSkuError, type SkuUnits, type Stock } from '@overlap/workload'
import { FAILING, type AskedDatabase } from './asked-database.ts'
import type { Job, Rows } from './connection.ts'
import { toDatabaseError } from './database-errors.ts'
import type { Told } from './told.ts'
import type { Transaction, TransactionCall } from './transaction.ts'

type TakeError = DatabaseError | UnknownSkuError | OutOfStockError

const AT_ONCE = {
  name: 'overlap-take',
  text: `
    UPDATE overlap.stock SET on_hand = on_hand - $2
    WHERE sku = $1 AND on_hand >= $2
    RETURNING on_hand, pg_current_xact_id()::text`,
}
/**
 * The server sleeps once, before it looks for the row, and the row is locked only when it is updated: others
 * who want it wait for what follows, and not for the delay. Where it has changed meanwhile, the condition
 * is checked again.
 */
const DELAYED = {
  name: 'overlap-take-delayed',
  text: `
    UPDATE overlap.stock SET on_hand = on_hand - $2
    WHERE sku = $1 AND on_hand >= $2 AND (SELECT pg_sleep($3::int / 1000.0)) IS NOT NULL
    RETURNING on_hand, pg_current_xact_id()::text`,
}
const LOOK = { name: 'overlap-look', text: 'SELECT on_hand FROM overlap.stock WHERE sku = $1' }

export class TakeStock implements TransactionCall, Job {
  readonly #transaction: Transaction
  readonly #asked: SkuUnits
  readonly #database: AskedDatabase
  readonly #told: Told<Stock, TakeError>
  /** The units could not be taken, and it is being asked why. */
  #looking = false

  constructor(
    transaction: Transaction,
    asked: SkuUnits,
    database: AskedDatabase,
    told: Told<Stock, TakeError>,
  ) {
    this.#transaction = transaction
    this.#asked = asked
    this.#database = database
    this.#told = told
  }

  start(): void {
    this.#told.sent()
    const { dbMs, dbFails } = this.#database
    if (dbFails) this.#run(FAILING, [dbMs])
    else this.#take(dbMs)
  }

  cancel(): boolean {
    if (!this.#told.cancel()) return false
    this.#transaction.connection.stop(this)
    return true
  }

  settled(error: unknown, rows: Rows): void {
    if (this.#told.over) this.stopped()
    else if (error !== null) this.#fail(toDatabaseError(error))
    else if (this.#looking) this.#looked(rows)
    else this.#taken(rows)
  }

  stopped(): void {
    this.#transaction.idle()
    this.#told.stopped()
  }

  #take(dbMs: number) {
    const { sku, units } = this.#asked
    this.#looking = false
    if (dbMs === 0) this.#run(AT_ONCE, [sku, units])
    else this.#run(DELAYED, [sku, units, dbMs])
  }

  #taken([row]: Rows) {
    const { sku } = this.#asked
    if (row === undefined) {
      this.#looking = true
      this.#run(LOOK, [sku])
      return
    }
    const [onHand, transactionId] = row
    if (typeof onHand !== 'number' || typeof transactionId !== 'string') {
      this.#fail(new DatabaseError('the database answered with something else than a stock'))
      return
    }
    this.#transaction.deal.transactionId = transactionId
    this.#transaction.idle()
    this.#told.succeed({ sku, onHand })
  }

  #looked([row]: Rows) {
    const { sku, units } = this.#asked
    const onHand = row?.[0]
    if (typeof onHand !== 'number') this.#fail(new UnknownSkuError(sku))
    else if (onHand < units) this.#fail(new OutOfStockError(sku, units, onHand))
    // Somebody has put units back in between.
    else this.#take(0)
  }

  #run(statement: { readonly name: string; readonly text: string }, values: (string | number)[]) {
    this.#transaction.connection.run({ ...statement, rowMode: 'array', values }, this)
  }

  #fail(error: TakeError) {
    this.#transaction.idle()
    this.#told.fail(error)
  }
}
