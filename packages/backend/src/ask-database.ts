/** Asks the database on the port's own behalf: not for the calls. */
import type { DatabaseError } from '@overlap/workload'
import type { Connection, Job, Rows } from './connection.ts'
import { toDatabaseError } from './database-errors.ts'
import { Borrower, type Lender } from './lender.ts'

/**
 * Rejects with a `DatabaseError`. Waits its turn, like every other query. Several statements are one
 * transaction, and answer no rows; they can have no parameters.
 */
export function askDatabase(lender: Lender, text: string, values?: readonly string[]): Promise<Rows> {
  return new Promise((resolve, reject) => {
    lender.lend(new Statements(values ? { text, values: [...values] } : { text }, resolve, reject))
  })
}

class Statements extends Borrower implements Job {
  readonly #query: { readonly text: string; readonly values?: string[] }
  readonly #resolve: (rows: Rows) => void
  readonly #reject: (error: DatabaseError) => void

  constructor(
    query: { readonly text: string; readonly values?: string[] },
    resolve: (rows: Rows) => void,
    reject: (error: DatabaseError) => void,
  ) {
    super()
    this.#query = query
    this.#resolve = resolve
    this.#reject = reject
  }

  lent(connection: Connection): void {
    connection.run({ ...this.#query, rowMode: 'array' }, this)
  }

  refused(error: DatabaseError): void {
    this.#reject(error)
  }

  settled(error: unknown, rows: Rows): void {
    if (error === null) this.#resolve(rows)
    else this.#reject(toDatabaseError(error))
  }

  stopped(): void {}
}
