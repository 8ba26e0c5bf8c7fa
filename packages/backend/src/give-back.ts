/**
 * Gives the connection of a transaction back, once nothing runs on it and the transaction has ended.
 *
 * That has a budget from the start on: when it is spent, or when the connection cannot roll back, its socket is
 * destroyed, which rolls back too. So nobody is left idle in a transaction, with a lock in its hands.
 */
import { SETTLE_MS, type Connection, type Job } from './connection.ts'

export class GiveBack implements Job {
  readonly #connection: Connection
  readonly #budget: NodeJS.Timeout
  readonly #over: () => void

  /** `over` is called once the transaction has ended, and not from within the constructor. */
  constructor(connection: Connection, over: () => void = () => {}) {
    this.#connection = connection
    this.#over = over
    this.#budget = setTimeout(() => connection.close(), SETTLE_MS)
  }

  /** The transaction has ended. */
  ended(): void {
    clearTimeout(this.#budget)
    this.#connection.release()
    this.#over()
  }

  rollBack(): void {
    this.#connection.run({ text: 'ROLLBACK', rowMode: 'array' }, this)
  }

  settled(error: unknown): void {
    if (error !== null) this.#connection.close()
    this.ended()
  }

  stopped(): void {}
}
