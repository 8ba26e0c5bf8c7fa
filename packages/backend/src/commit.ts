/**
 * Commits a transaction.
 *
 * Cancelled, it runs to its end behind the scenes. It is never interrupted: a commit that has begun to
 * write is as likely to come to pass as not, and then nobody would know.
 */
import { DatabaseError } from '@overlap/workload'
import type { Job, Rows } from './connection.ts'
import { toDatabaseError } from './database-errors.ts'
import type { Told } from './told.ts'
import type { Transaction, TransactionCall } from './transaction.ts'

export class Commit implements TransactionCall, Job {
  readonly #transaction: Transaction
  readonly #told: Told<void, DatabaseError>

  constructor(transaction: Transaction, told: Told<void, DatabaseError>) {
    this.#transaction = transaction
    this.#told = told
  }

  start(): void {
    const { connection, deal } = this.#transaction
    deal.commit = 'asked for'
    this.#told.sent()
    connection.run({ text: 'COMMIT', rowMode: 'array' }, this)
  }

  cancel(): boolean {
    return this.#told.cancel()
  }

  /** A transaction that has failed before answers COMMIT with ROLLBACK, which is no error. */
  settled(error: unknown, _rows: Rows, command: string | null): void {
    const { deal } = this.#transaction
    if (error === null) deal.commit = command === 'COMMIT' ? 'made' : 'refused'
    this.#transaction.idle()
    if (this.#told.over) this.#told.stopped()
    else if (error !== null) this.#told.fail(toDatabaseError(error))
    else if (deal.commit === 'made') this.#told.succeed()
    else this.#told.fail(new DatabaseError('the database has rolled the transaction back'))
  }

  stopped(): void {}
}
