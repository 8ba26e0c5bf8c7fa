/**
 * The books: what the service has confirmed was taken from the stock, and nothing else was.
 *
 * No transaction spans both. So when a session ends without a commit that is certain, the port sees to it
 * behind the scenes: it asks Postgres what has become of the transaction if the answer was lost, and
 * withdraws the confirmation if it has come to nothing. Both are tried until they succeed, or the port
 * has been closed. Until then an order is *unsettled*.
 *
 * Limit: a process that is killed between the confirmation and the commit leaves a confirmation that
 * nobody withdraws. To know of it afterwards, the order would have to be written down first.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { backoffMs, DatabaseError, HttpError, type OrderId } from '@overlap/workload'
import { askDatabase } from './ask-database.ts'
import { askService } from './ask-service.ts'
import type { Lender } from './lender.ts'
import type { Upstream } from './upstream.ts'

const BACKOFF = { baseMs: 20, capMs: 2_000 }
/** While the port waits in `close`. */
const CLOSING_BACKOFF = { baseMs: 20, capMs: 200 }

/** That there is no such order is as good as a withdrawal: a service of somebody else's need not know ours. */
const withdrawn: ReadonlySet<number> = new Set([200, 204, 404, 410])

/** What is known of one order, from the beginning of its transaction until it is settled. */
export interface Deal {
  readonly order: OrderId
  /** Of its transaction, as soon as that has written something. */
  transactionId: string | null
  commit: 'not asked for' | 'asked for' | 'made' | 'refused'
  /** A request to confirm it may have reached the service. */
  confirming: boolean
  /** Its session was closed. */
  closed: boolean
}

/** Through whom the books are kept. */
export interface Means {
  readonly lender: Lender
  readonly service: Upstream
}

export class Orders {
  #means: Means
  readonly #deals = new Map<OrderId, Deal>()
  #backoff = BACKOFF
  #over = false
  /** Ends every wait. */
  #wake = new AbortController()
  #settled: PromiseWithResolvers<void> | null = null

  constructor(means: Means) {
    this.#means = means
  }

  open(order: OrderId): Deal {
    const deal: Deal = {
      order,
      transactionId: null,
      commit: 'not asked for',
      confirming: false,
      closed: false,
    }
    this.#deals.set(order, deal)
    return deal
  }

  /** A confirmation is being asked for. */
  confirming(order: OrderId): void {
    const deal = this.#deals.get(order)
    if (deal) deal.confirming = true
  }

  /** Nothing of its transaction runs any more. */
  end(deal: Deal): void {
    deal.closed = true
    if (this.#deals.get(deal.order) !== deal) return
    if (isSettled(deal)) this.#deals.delete(deal.order)
    else void this.#settle(deal)
  }

  /** How many orders have been left by their sessions, while it is not certain yet that the books balance. */
  get unsettled(): number {
    let unsettled = 0
    for (const deal of this.#deals.values()) if (deal.closed && !isSettled(deal)) unsettled++
    return unsettled
  }

  /**
   * For when every connection of the port is closed: ends what their sessions have left open, and gives it
   * `ms` to be settled, through other means. Then gives up.
   */
  async close(openMeans: () => Means, ms: number): Promise<void> {
    const deals = [...this.#deals.values()]
    if (deals.every(isSettled)) return
    this.#means = openMeans()
    this.#backoff = CLOSING_BACKOFF
    this.#settled = Promise.withResolvers()
    for (const deal of deals) if (!deal.closed) this.end(deal)
    this.#awake()
    const giveUp = new AbortController()
    await Promise.race([this.#settled.promise, sleep(ms, null, { signal: giveUp.signal }).catch(() => {})])
    giveUp.abort()
    this.#over = true
    this.#awake()
  }

  async #settle(deal: Deal) {
    const id = deal.commit === 'asked for' ? deal.transactionId : null
    const undone = id === null || (await this.#untilKnown(() => this.#isUndone(id)))
    const settled = undone ? await this.#untilKnown(() => this.#withdraw(deal.order)) : undone === false
    // Otherwise the port has given up, and the order stays unsettled.
    if (!settled) return
    this.#deals.delete(deal.order)
    if (this.unsettled === 0) this.#settled?.resolve()
  }

  /** `undefined` when the port has been closed before. */
  async #untilKnown<A>(ask: () => Promise<A | undefined>): Promise<A | undefined> {
    for (let retry = 1; !this.#over; retry++) {
      try {
        const answer = await ask()
        if (answer !== undefined) return answer
      } catch (error) {
        if (!(error instanceof DatabaseError || error instanceof HttpError)) throw error
      }
      const { signal } = this.#wake
      await sleep(backoffMs(retry, this.#backoff), null, { signal }).catch(() => {})
    }
    return undefined
  }

  /** `undefined` while the server has not noticed yet that nobody waits for the transaction. */
  async #isUndone(transactionId: string): Promise<boolean | undefined> {
    const rows = await askDatabase(this.#means.lender, 'SELECT pg_xact_status($1::xid8)', [transactionId])
    const status = rows[0]?.[0]
    return status === 'aborted' ? true : status === 'committed' ? false : undefined
  }

  async #withdraw(order: OrderId): Promise<true | undefined> {
    const status = await askService(this.#means.service, 'DELETE', `/orders/${encodeURIComponent(order)}`)
    return withdrawn.has(status) ? true : undefined
  }

  #awake() {
    this.#wake.abort()
    this.#wake = new AbortController()
  }
}

function isSettled({ commit, confirming }: Deal): boolean {
  return commit === 'made' || !confirming
}
