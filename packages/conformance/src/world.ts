/**
 * Real Postgres and real HTTP for the real tier. Whether something has stopped is asked of Postgres
 * (`pg_stat_activity`) and of the reservation service's ledger, never of the promise.
 */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type RealPort,
  type ReservationService,
  openPort,
  startPostgres,
  startReservationService,
  watchPostgres,
} from '@overlap/backend'

/** A Postgres and a reservation service to run on. */
export interface World {
  readonly databaseUrl: string
  readonly service: ReservationService
  close(): Promise<void>
}

/** Uses the Postgres of `databaseUrl`, or else starts one that is gone with the world. */
export async function openWorld(databaseUrl?: string): Promise<World> {
  const [postgres, service] = await Promise.all([
    databaseUrl ? { url: databaseUrl, stop: async () => {} } : startPostgres(),
    startReservationService(),
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
/** Long enough for whatever is not cancelled to be found running. */
export const slowMs = 5_000

/** The port, and what can be seen of it from where the work is done. */
export interface Seen {
  readonly port: RealPort
  /** Queries of this port that Postgres is executing. */
  queries(): Promise<number>
  /** Requests that the reservation service is answering. */
  requests(): number
  /** Waits for what must come; it takes as long as it takes. */
  until(claim: string, holds: () => boolean | Promise<boolean>): Promise<void>
  /** Fails unless soon nothing of what was started runs any more. */
  isQuiet(): Promise<void>
  /** Fails unless soon no socket to the reservation service is open. */
  hasNoSocket(): Promise<void>
}

export async function withPort(
  { databaseUrl, service }: World,
  options: { readonly poolMax?: number; readonly upstreamUrl?: string },
  body: (seen: Seen) => Promise<void>,
): Promise<void> {
  const applicationName = `overlap-${randomUUID()}`
  const { poolMax = 4, upstreamUrl = service.url } = options
  const port = openPort({ databaseUrl, upstreamUrls: [upstreamUrl], poolMax, applicationName })
  const postgres = await watchPostgres(databaseUrl, applicationName)
  const queries = () => postgres.running()
  const requests = () => service.ledger.openRequests
  try {
    await port.prepare()
    await body({
      port,
      queries,
      requests,
      until: (claim, holds) => poll(claim, holds, comesMs),
      async isQuiet() {
        await poll('no query runs', async () => (await queries()) === 0, goneMs)
        await poll('no request runs', () => requests() === 0, goneMs)
      },
      hasNoSocket: () => poll('no socket is open', () => service.ledger.openSockets === 0, goneMs),
    })
  } finally {
    await port.close()
    await postgres.close()
  }
}

async function poll(claim: string, holds: () => boolean | Promise<boolean>, limitMs: number): Promise<void> {
  const start = performance.now()
  while (!(await holds())) {
    assert(performance.now() - start < limitMs, `not within ${limitMs} ms: ${claim}`)
    await sleep(2)
  }
}
