/** Runs statements without parameters on a lent connection: for start-up and readiness, not for the calls. */
import type { DatabaseError } from '@overlap/workload'
import type { Connection, Job } from './connection.ts'
import { toDatabaseError } from './database-errors.ts'
import { Borrower, type Lender } from './lender.ts'

/** Rejects with a `DatabaseError`. Waits its turn, like every other query. */
export function askDatabase(lender: Lender, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    lender.lend(new Statements(text, resolve, reject))
  })
}

class Statements extends Borrower implements Job {
  readonly #text: string
  readonly #resolve: () => void
  readonly #reject: (error: DatabaseError) => void

  constructor(text: string, resolve: () => void, reject: (error: DatabaseError) => void) {
    super()
    this.#text = text
    this.#resolve = resolve
    this.#reject = reject
  }

  lent(connection: Connection): void {
    connection.run({ text: this.#text, rowMode: 'array' }, this)
  }

  refused(error: DatabaseError): void {
    this.#reject(error)
  }

  settled(error: unknown): void {
    if (error === null) this.#resolve()
    else this.#reject(toDatabaseError(error))
  }

  stopped(): void {}
}
