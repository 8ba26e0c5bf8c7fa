/** One transaction on its connection: who may use it, and how it ends. */
import { randomUUID } from 'node:crypto'
import { DatabaseError, type Cancel } from '@overlap/workload'
import type { Connection } from './connection.ts'
import { GiveBack } from './give-back.ts'
import type { Deal, Orders } from './orders.ts'

/** A call that runs in a transaction. It says `idle` when nothing of it runs any more. */
export interface TransactionCall {
  start(): void
  /** `false` when there was nothing left to cancel. */
  cancel(): boolean
}

export class Transaction {
  readonly connection: Connection
  readonly deal: Deal
  readonly #orders: Orders
  #running = false
  #cancelled = false
  #closed = false
  #giveBack: GiveBack | null = null

  /** It has begun on `connection`, which is held for it. */
  constructor(connection: Connection, orders: Orders) {
    this.connection = connection
    this.deal = orders.open(randomUUID())
    this.#orders = orders
  }

  /** Throws when no call may be made: it is a mistake of whoever makes it. */
  check(): void {
    if (this.#closed) throw new Error('the session has been closed')
    if (this.#running && !this.#cancelled) throw new Error('another call of the session is running')
    if (this.deal.commit !== 'not asked for') throw new Error('the session has been committed')
  }

  start(
    call: TransactionCall,
    told: { fail(error: DatabaseError): void; cancel(): boolean; stopped(): void },
  ): Cancel {
    if (this.#cancelled) {
      const error = new DatabaseError('a call of the session was cancelled: it can only be closed')
      process.nextTick(() => told.fail(error))
      return () => {
        if (told.cancel()) told.stopped()
      }
    }
    this.#running = true
    call.start()
    return () => {
      if (call.cancel()) this.#cancelled = true
    }
  }

  idle(): void {
    this.#running = false
    if (this.#giveBack) this.#end(this.#giveBack)
  }

  close(): void {
    if (this.#closed) throw new Error('the session has been closed')
    if (this.#running && !this.#cancelled) throw new Error('a call of the session is running')
    this.#closed = true
    this.deal.closed = true
    const giveBack = new GiveBack(this.connection)
    if (this.#running) this.#giveBack = giveBack
    else this.#end(giveBack)
  }

  #end(giveBack: GiveBack) {
    const { commit } = this.deal
    if (commit === 'made' || commit === 'refused') giveBack.ended()
    else giveBack.rollBack()
    this.#orders.end(this.deal)
  }
}
