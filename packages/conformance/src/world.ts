/**
 * Real Postgres and real HTTP for the real tier. Whether something has stopped is asked of Postgres
 * (`pg_stat_activity`) and of the reservation service's ledger, never of the promise.
 */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { RealPort, ReservationService } from '@overlap/backend'
import { type Sku, type Stock, toPromise } from '@overlap/workload'

/** When it is used: whoever judges by scripts alone need not load the clients of Postgres and HTTP. */
const loadBackend = () => import('@overlap/backend')

/** A Postgres and a reservation service of three replicas to run on. */
export interface World {
  readonly databaseUrl: string
  readonly service: ReservationService
  close(): Promise<void>
}

/** Uses the Postgres of `databaseUrl`, or else starts one that is gone with the world. */
export async function openWorld(databaseUrl?: string): Promise<World> {
  const { startPostgres, startReservationService } = await loadBackend()
  const [postgres, service] = await Promise.all([
    databaseUrl ? { url: databaseUrl, stop: async () => {} } : startPostgres(),
    startReservationService({ replicas: 3 }),
  ])
  return {
    databaseUrl: postgres.url,
    service,
    close: async () => void (await Promise.all([postgres.stop(), service.stop()])),
  }
}

/**
 * How long something that was cancelled may still be seen. The promise is 100 ms; looking takes time
 * too, and the machine may be busy with something else.
 */
const goneMs = 100 * 3
/** How long to wait for what a sound style starts at once. */
const comesMs = 2_000
/** How often something is looked at, at the least. */
const MS_PER_LOOK = 15
/** Long enough for whatever is not cancelled to be found running. */
export const slowMs = 5_000

/** The port, and what can be seen of it from where the work is done. */
export interface Seen {
  readonly port: RealPort
  /** Queries of this port that Postgres is executing. */
  queries(): Promise<number>
  /** Requests that the reservation service is answering: all of it, or one replica. */
  requests(replica?: number): number
  /** Has a product of its own with that many units, and tells how the books stand. */
  withProduct(onHand: number, body: (product: Product) => Promise<void>): Promise<void>
  /** Waits for what must come; it takes as long as it takes. */
  until(claim: string, holds: () => boolean | Promise<boolean>): Promise<void>
  /** Fails unless soon nothing of what was started runs any more. */
  isQuiet(): Promise<void>
  /** Fails unless soon no socket to the reservation service is open: to any of it, or to one replica. */
  hasNoSocket(replica?: number): Promise<void>
  /** Fails unless soon no channel is listened to. */
  hasNoChannel(): Promise<void>
  /** Has Postgres end the connection that the channels are listened to on. */
  cutListeners(): Promise<void>
}

/** A product that nobody else knows. */
interface Product {
  readonly sku: Sku
  /** What each side says, once every session has been closed and the port has seen to what it left. */
  readonly books: () => Promise<{ readonly inStock: number; readonly confirmed: number }>
}

export async function withPort(
  { databaseUrl, service }: World,
  options: { readonly poolMax?: number; readonly upstreamUrl?: string },
  body: (seen: Seen) => Promise<void>,
): Promise<void> {
  const { openPort, watchPostgres } = await loadBackend()
  const applicationName = `overlap-${randomUUID()}`
  const { poolMax = 4, upstreamUrl = service.url } = options
  const upstreamUrls = service.urls.with(0, upstreamUrl)
  const port = openPort({ databaseUrl, upstreamUrls, poolMax, applicationName })
  const postgres = await watchPostgres(databaseUrl, applicationName)
  const queries = () => postgres.running()
  const sum = (count: 'openRequests' | 'openSockets', replica?: number) =>
    service.ledgers.reduce(
      (total, ledger, index) => total + (replica === undefined || replica === index ? ledger[count] : 0),
      0,
    )
  const requests = (replica?: number) => sum('openRequests', replica)

  async function withProduct(onHand: number, use: (product: Product) => Promise<void>) {
    const sku = `T-${randomUUID()}`
    await postgres.put({ sku, onHand })
    try {
      await use({
        sku,
        async books() {
          await poll('every session is closed', () => port.stats().database.lent === 0, comesMs)
          await poll('every order is settled', () => port.stats().orders.unsettled === 0, comesMs)
          assert.equal(await postgres.idleInTransaction(), 0, 'a transaction is left open')
          const stock = await toPromise<Stock>(
            (done) => port.findStock(sku, done),
            new AbortController().signal,
          )
          return { inStock: stock.onHand, confirmed: service.ledger.units[sku] ?? 0 }
        },
      })
    } finally {
      await postgres.remove(sku)
    }
  }
  try {
    await port.prepare()
    await body({
      port,
      queries,
      requests,
      withProduct,
      until: (claim, holds) => poll(claim, holds, comesMs),
      async isQuiet() {
        await poll('no query runs', async () => (await queries()) === 0, goneMs)
        await poll('no request runs', () => requests() === 0, goneMs)
      },
      hasNoSocket: (replica) => poll('no socket is open', () => sum('openSockets', replica) === 0, goneMs),
      hasNoChannel: () => poll('no channel is listened to', () => port.stats().channels === 0, goneMs),
      cutListeners: () => postgres.cutListeners(),
    })
  } finally {
    await port.close()
    await postgres.close()
  }
}

async function poll(claim: string, holds: () => boolean | Promise<boolean>, limitMs: number): Promise<void> {
  const start = performance.now()
  for (let looks = 1; !(await holds()); looks++) {
    // As many looks as a quiet machine has time for: on a busy one, time passes in which nobody gets anything done.
    // But no longer than half as long as what is not cancelled runs: after that, it is gone by itself.
    const elapsedMs = performance.now() - start
    const isOver = elapsedMs >= limitMs && (looks >= limitMs / MS_PER_LOOK || elapsedMs >= slowMs / 2)
    assert(!isOver, `not within ${limitMs} ms: ${claim}`)
    await sleep(2)
  }
}
