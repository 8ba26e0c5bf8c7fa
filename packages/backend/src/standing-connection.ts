/**
 * One connection to Postgres that stands for as long as somebody needs it: opened by itself, kept alive,
 * and opened again by itself when it is lost.
 *
 * It carries out one command at a time. It is lost when its socket closes, when the server refuses a
 * command, and when it leaves one without an answer; after a while without any, one is sent for the sake of
 * its answer, so that a network that has fallen silent is noticed. One timer is enough for all of it: it waits
 * for the answer, for the time to ask for another, or for the next attempt to connect.
 *
 * When nobody needs it any more it stands idle until that other command would be due, and is closed then.
 */
import { backoffMs, type DatabaseError } from '@overlap/workload'
import { Connection, type Owner } from './connection.ts'
import { toDatabaseError } from './database-errors.ts'
import type { PgClient } from './pg-client.ts'

export interface Pace {
  /** How long it may be idle before it must show that it is alive. */
  readonly idleMs: number
  /** How long the server may take to answer. */
  readonly answerMs: number
}

const PACE: Pace = { idleMs: 10_000, answerMs: 5_000 }

const BACKOFF = { baseMs: 50, capMs: 2_000 }

/** Whoever needs the connection. */
export interface Exchange {
  readonly needsConnection: boolean
  /** What the server is to do next; `null` when there is nothing. */
  nextCommand(): string | null
  /** It has done it. */
  carriedOut(): void
  /** It could not be reached, or has refused. There will be another attempt if the connection is needed then. */
  refused(error: DatabaseError): void
  /** The connection has closed: whatever the server did for it, it does no more. */
  lost(): void
  notified(channel: string, text: string): void
}

export class StandingConnection implements Owner {
  readonly #createClient: () => PgClient
  readonly #exchange: Exchange
  readonly #pace: Pace
  /** Until its socket has closed. */
  #connection: Connection | null = null
  #connectedAt = Infinity
  #free = false
  #timer: NodeJS.Timeout | undefined
  /** Attempts to connect again since it last was there for a while. */
  #retries = 0
  #closing: PromiseWithResolvers<void> | null = null

  constructor(createClient: () => PgClient, exchange: Exchange, pace = PACE) {
    this.#createClient = createClient
    this.#exchange = exchange
    this.#pace = pace
  }

  /** How many there are, connecting and dying ones included. */
  get open(): number {
    return this.#connection ? 1 : 0
  }

  /** There is something new to do, or it is not needed any more. */
  wake(): void {
    if (this.#closing) return
    if (this.#connection) this.#goOn()
    else if (!this.#exchange.needsConnection) this.#setTimer()
    else if (this.#timer === undefined) this.#connect()
  }

  /** Cuts off what runs, and resolves once the socket has closed. To be called once. */
  close(): Promise<void> {
    this.#closing = Promise.withResolvers()
    this.#setTimer()
    if (this.#connection) this.#giveUp(this.#connection)
    else this.#closing.resolve()
    return this.#closing.promise
  }

  connected(connection: Connection): void {
    this.#connectedAt = performance.now()
    this.#becomeFree(connection)
  }

  refused(_connection: Connection, error: unknown): void {
    this.#exchange.refused(toDatabaseError(error))
  }

  /** Told before the command is. */
  free(): void {}

  dying(): void {
    this.#free = false
  }

  closed(): void {
    this.#connection = null
    if (performance.now() - this.#connectedAt > this.#pace.idleMs) this.#retries = 0
    this.#connectedAt = Infinity
    if (this.#closing) this.#closing.resolve()
    else if (this.#exchange.needsConnection)
      this.#setTimer(() => this.#connect(), backoffMs(++this.#retries, BACKOFF))
    else this.#setTimer()
    this.#exchange.lost()
  }

  #connect() {
    const client = this.#createClient()
    client.on('notification', ({ channel, payload = '' }) => this.#exchange.notified(channel, payload))
    this.#connection = new Connection(client, this)
  }

  #becomeFree(connection: Connection) {
    this.#free = true
    this.#setTimer(() => {
      if (this.#exchange.needsConnection) this.#run(connection, 'SELECT 1')
      else this.#giveUp(connection)
    }, this.#pace.idleMs)
    this.#goOn()
  }

  #goOn() {
    if (!this.#free || this.#connection === null) return
    const command = this.#exchange.nextCommand()
    if (command !== null) this.#run(this.#connection, command, () => this.#exchange.carriedOut())
  }

  #run(connection: Connection, text: string, carriedOut = () => {}) {
    this.#free = false
    this.#setTimer(() => this.#giveUp(connection), this.#pace.answerMs)
    const settled = (error: unknown) => {
      // Lost in the meantime, which says it all.
      if (this.#connection !== connection) return
      if (error === null) {
        carriedOut()
        if (!this.#closing) this.#becomeFree(connection)
      } else {
        this.#giveUp(connection)
        this.#exchange.refused(toDatabaseError(error))
      }
    }
    connection.run({ text, rowMode: 'array' }, { settled, stopped() {} })
  }

  #giveUp(connection: Connection) {
    this.#free = false
    connection.close()
  }

  /** Instead of the one before, if there is one. */
  #setTimer(due?: () => void, ms?: number) {
    clearTimeout(this.#timer)
    this.#timer = due && setTimeout(due, ms)
  }
}
