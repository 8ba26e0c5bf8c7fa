/**
 * The real port: Postgres and the reservation service behind the one shape that every style can lift.
 *
 * To cancel is to ask. Here is where it is carried out: the query is interrupted in the server, the
 * socket of the request is closed, and what they used is lent to nobody before that. Callers never wait
 * for it; `observe` and `stats` tell when it is done.
 */
import type { Port } from '@overlap/workload'
import { askDatabase } from './ask-database.ts'
import { askService } from './ask-service.ts'
import { DELAY_LIMIT_MS, type Observe } from './calls.ts'
import { createFetchReservation } from './fetch-reservation.ts'
import { createFindStock } from './find-stock.ts'
import { HttpLines, type HttpStats } from './http-lines.ts'
import { Lender, type LenderStats } from './lender.ts'
import { PgClient } from './pg-client.ts'
import { createStock } from './schema.ts'

export type { CallEvent, CallName, Observe } from './calls.ts'

export interface PortOptions {
  readonly databaseUrl: string
  /** `http:` or `https:`; it may have a path, and `/reservations/…` is put behind it. */
  readonly upstreamUrl: string
  /** Connections to Postgres, at least 1; connecting and dying ones count. */
  readonly poolMax: number
  /** Shown in `pg_stat_activity`, unless `databaseUrl` names another. */
  readonly applicationName?: string
}

export interface RunOptions {
  /** How long the database takes to answer, 0 to 10,000 ms. */
  readonly dbMs: number
  /** How long the reservation service takes to answer, 0 to 10,000 ms. */
  readonly httpMs: number
  readonly observe?: Observe | undefined
}

export interface PortStats {
  readonly database: LenderStats
  readonly http: HttpStats
}

/** Itself a `Port`, whose answers take no longer than they must, and which nobody watches. */
export interface RealPort extends Port {
  /** One run's view of the port: how long its answers take, and who watches its calls. */
  forRun(options: RunOptions): Port
  /** Creates the `stock` table and its rows where they are missing. Idempotent, also when several processes do it at once. */
  prepare(): Promise<void>
  /** Resolves when Postgres and the reservation service both answer; rejects with `DatabaseError` or `HttpError`. */
  check(): Promise<void>
  stats(): PortStats
  /**
   * For when nothing runs any more: what still does is cut off, and fails. Resolves once every socket
   * has closed. Idempotent. Calls that start afterwards fail.
   */
  close(): Promise<void>
}

/** Connects to nothing yet. Throws when an option cannot be used. */
export function openPort(options: PortOptions): RealPort {
  const { databaseUrl, poolMax, applicationName = 'overlap' } = options
  if (!Number.isSafeInteger(poolMax) || poolMax < 1)
    throw new RangeError('poolMax must be an integer of at least 1')
  const upstream = readUpstream(options.upstreamUrl)
  const createClient = () => new PgClient(databaseUrl, applicationName)
  createClient()

  const lender = new Lender(poolMax, createClient)
  const lines = new HttpLines(upstream.origin)

  function forRun({ dbMs, httpMs, observe }: RunOptions): Port {
    checkDelay('dbMs', dbMs)
    checkDelay('httpMs', httpMs)
    return {
      findStock: createFindStock(lender, dbMs, observe),
      fetchReservation: createFetchReservation(lines, upstream.basePath, httpMs, observe),
    }
  }

  return {
    ...forRun({ dbMs: 0, httpMs: 0 }),
    forRun,
    prepare: () => askDatabase(lender, createStock),
    check: async () => {
      await Promise.all([askDatabase(lender, 'SELECT 1'), askService(lines, `${upstream.basePath}/livez`)])
    },
    stats: () => ({ database: lender.stats(), http: lines.stats() }),
    close: async () => {
      await Promise.all([lender.close(), lines.close()])
    },
  }
}

function readUpstream(upstreamUrl: string) {
  const url = URL.canParse(upstreamUrl) ? new URL(upstreamUrl) : undefined
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:')
    throw new TypeError('upstreamUrl must be an http: or https: URL')
  return { origin: url.origin, basePath: url.pathname.replace(/\/+$/, '') }
}

function checkDelay(name: string, ms: number) {
  if (!Number.isSafeInteger(ms) || ms < 0 || ms > DELAY_LIMIT_MS)
    throw new RangeError(`${name} must be an integer from 0 to ${DELAY_LIMIT_MS}`)
}
