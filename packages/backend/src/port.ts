/**
 * The real port: Postgres, the reservation service and worker threads behind the one shape that every style
 * can lift.
 *
 * To cancel is to ask. Here is where it is carried out: the query is interrupted in the server, the
 * socket of the request is closed, and what they used is lent to nobody before that. Callers never wait
 * for it; `observe` and `stats` tell when it is done.
 */
import { type Channel, type Port, TIMER_LIMIT_MS } from '@overlap/workload'
import { askDatabase } from './ask-database.ts'
import { checkService } from './ask-service.ts'
import { ANSWER_TIMEOUT_MS, DELAY_LIMIT_MS, type Observe } from './calls.ts'
import { Channels } from './channels.ts'
import { createConfirmOrder } from './confirm-order.ts'
import { createConnectionCalls } from './connection-calls.ts'
import { createFetchPage } from './fetch-page.ts'
import { createFetchPicture } from './fetch-picture.ts'
import { createFetchReservation, createFetchReservationFrom } from './fetch-reservation.ts'
import { createFindStock, createFindStocks } from './find-stock.ts'
import type { HttpStats } from './http-lines.ts'
import { Lender, type LenderStats } from './lender.ts'
import { createListen } from './listen.ts'
import { notify } from './notify.ts'
import { Orders, type Means } from './orders.ts'
import { PgClient } from './pg-client.ts'
import { createResize } from './resize.ts'
import { createStock } from './schema.ts'
import { ServiceQueries } from './service-queries.ts'
import { createOpenSession } from './session.ts'
import { readUpstreams, reopen, sumUp } from './upstream.ts'
import { Watcher } from './watcher.ts'
import { Workers, type WorkerStats } from './workers.ts'

export type { CallEvent, CallName, Observe } from './calls.ts'

/** How long `close` waits for the orders. */
const SETTLE_ORDERS_MS = 5_000

export interface PortOptions {
  readonly databaseUrl: string
  /**
   * The reservation service and then its further replicas, at least one: replica n is the nth, from 0.
   * `http:` or `https:`; they may have a path, and `/reservations/…` is put behind it.
   */
  readonly upstreamUrls: readonly string[]
  /**
   * Connections to Postgres, at least 1; connecting and dying ones count. While somebody listens to a
   * channel, and for a while after, there is one more.
   */
  readonly poolMax: number
  /** Shown in `pg_stat_activity`, unless `databaseUrl` names another. */
  readonly applicationName?: string
  /**
   * How long Postgres may take to answer a query, waits for locks included, and the reservation service a
   * request, to the last byte. Then the call fails with the code `ETIMEDOUT`, and its socket is closed. At
   * least 1 ms; 30 s by default, three times what either can be asked to take.
   */
  readonly answerTimeoutMs?: number
}

export interface RunOptions {
  /** How long the database takes to answer, 0 to 10,000 ms. */
  readonly dbMs: number
  /** How long the reservation service takes to answer, 0 to 10,000 ms. */
  readonly httpMs: number
  /** How long each replica takes to answer, 0 to 10,000 ms; `httpMs` where nothing is said. */
  readonly replicaMs?: readonly number[] | undefined
  /** How many of this run's first HTTP requests fail with 503, after their delay. None by default. */
  readonly failures?: number | undefined
  /** Whether Postgres answers `findStock`, `findStocks` and `takeStock` with an error, after `dbMs`. */
  readonly dbFails?: boolean | undefined
  /** Whether every HTTP request fails with 503, after its delay. */
  readonly httpFails?: boolean | undefined
  readonly observe?: Observe | undefined
}

export interface PortStats {
  readonly database: LenderStats
  /** Of all replicas together. */
  readonly http: HttpStats
  /** Channels that Postgres sends the messages of, and connections that they come over: one, or none. */
  readonly channels: number
  readonly channelConnections: number
  /** Orders that their sessions have left, while it is not certain that stock and confirmations agree. */
  readonly orders: { readonly unsettled: number }
  readonly workers: WorkerStats
}

/** Itself a `Port`, whose answers take no longer than they must, and which nobody watches. */
export interface RealPort extends Port {
  /** One run's view of the port: how long its answers take, and who watches its calls. */
  forRun(options: RunOptions): Port
  /** Creates the `stock` table and its rows where they are missing. Idempotent, also when several processes do it at once. */
  prepare(): Promise<void>
  /** Resolves when Postgres and the reservation service both answer; rejects with `DatabaseError` or `HttpError`. */
  check(): Promise<void>
  /**
   * Sends a message to all who listen to the channel: `text` has 7,999 bytes of UTF-8 at most, and no NUL.
   * Waits its turn, like every query. Rejects with `RangeError` or `DatabaseError`.
   */
  notify(channel: Channel, text: string): Promise<void>
  stats(): PortStats
  /**
   * For when nothing runs any more: what still does is cut off, and fails. Orders that are unsettled
   * then have 5 s more to be settled. Resolves once every socket has closed and every worker thread has
   * ended, which takes as long as the resizes that run. Idempotent. Calls that
   * start afterwards fail.
   */
  close(): Promise<void>
}

/** Connects to nothing yet. Throws when an option cannot be used. */
export function openPort(options: PortOptions): RealPort {
  const { databaseUrl, poolMax, applicationName = 'overlap', answerTimeoutMs = ANSWER_TIMEOUT_MS } = options
  if (!Number.isSafeInteger(poolMax) || poolMax < 1)
    throw new RangeError('poolMax must be an integer of at least 1')
  if (!Number.isSafeInteger(answerTimeoutMs) || answerTimeoutMs < 1 || answerTimeoutMs > TIMER_LIMIT_MS)
    throw new RangeError(`answerTimeoutMs must be an integer from 1 to ${TIMER_LIMIT_MS}`)
  const upstreams = readUpstreams(options.upstreamUrls, answerTimeoutMs)
  const [service] = upstreams
  const createClient = () => new PgClient(databaseUrl, applicationName, answerTimeoutMs)
  createClient()

  const lender = new Lender(poolMax, createClient)
  const channels = new Channels(createClient)
  const orders = new Orders({ lender, service })
  const workers = new Workers()

  /** What runs share that ask for the same, for nothing to fail, and to be watched by nobody: it holds no state of theirs. */
  let shared: { readonly dbMs: number; readonly httpMs: number; readonly view: Port } | undefined

  function forRun(run: RunOptions): Port {
    const { dbMs, httpMs, replicaMs = [], failures = 0, dbFails, httpFails, observe } = run
    if (replicaMs.length > 0 || failures !== 0 || dbFails || httpFails || observe) return openView(run)
    // Most runs ask for what the one before has asked for.
    if (shared?.dbMs !== dbMs || shared.httpMs !== httpMs) shared = { dbMs, httpMs, view: openView(run) }
    return shared.view
  }

  function openView({
    dbMs,
    httpMs,
    replicaMs = [],
    failures = 0,
    dbFails = false,
    httpFails = false,
    observe,
  }: RunOptions): Port {
    checkDelay('dbMs', dbMs)
    checkDelay('httpMs', httpMs)
    for (const [replica, ms] of replicaMs.entries()) checkDelay(`replicaMs[${replica}]`, ms)
    if (!Number.isSafeInteger(failures) || failures < 0)
      throw new RangeError('failures must be an integer of at least 0')
    const watcher = new Watcher(observe)
    const database = { dbMs, dbFails }
    const queries = new ServiceQueries(httpFails ? Infinity : failures)
    return {
      findStock: createFindStock(lender, database, watcher),
      findStocks: createFindStocks(lender, database, watcher),
      fetchReservation: createFetchReservation(service, httpMs, queries, watcher),
      fetchReservationFrom: createFetchReservationFrom(upstreams, httpMs, replicaMs, queries, watcher),
      openSession: createOpenSession(lender, orders, database, watcher),
      confirmOrder: createConfirmOrder(service, orders, httpMs, queries, watcher),
      fetchPage: createFetchPage(service, httpMs, queries, watcher),
      fetchPicture: createFetchPicture(service, httpMs, queries, watcher),
      resize: createResize(workers, watcher),
      listen: createListen(channels, watcher),
      ...createConnectionCalls(watcher),
    }
  }

  let closing: Promise<void> | undefined
  async function close() {
    await Promise.all([
      lender.close(),
      channels.close(),
      workers.close(),
      ...upstreams.map(({ lines }) => lines.close()),
    ])
    const means: Means[] = []
    await orders.close(() => {
      const last = { lender: new Lender(1, createClient), service: reopen(service) }
      means.push(last)
      return last
    }, SETTLE_ORDERS_MS)
    await Promise.all(means.map((last) => Promise.all([last.lender.close(), last.service.lines.close()])))
  }

  return {
    ...forRun({ dbMs: 0, httpMs: 0 }),
    forRun,
    prepare: async () => void (await askDatabase(lender, createStock)),
    check: async () => {
      await Promise.all([askDatabase(lender, 'SELECT 1'), checkService(service)])
    },
    notify: (channel, text) => notify(lender, channel, text),
    stats: () => ({
      database: lender.stats(),
      http: sumUp(upstreams),
      channels: channels.open,
      channelConnections: channels.connections,
      orders: { unsettled: orders.unsettled },
      workers: workers.stats(),
    }),
    close: () => (closing ??= close()),
  }
}

function checkDelay(name: string, ms: number) {
  if (!Number.isSafeInteger(ms) || ms < 0 || ms > DELAY_LIMIT_MS)
    throw new RangeError(`${name} must be an integer from 0 to ${DELAY_LIMIT_MS}`)
}
