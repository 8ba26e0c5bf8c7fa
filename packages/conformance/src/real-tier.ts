/**
 * The real tier: real Postgres and real HTTP. Whether something has stopped is asked of Postgres
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
import { HttpError, type ScenarioName, type Style, UnknownSkuError } from '@overlap/workload'

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

/** A claim about a style on the real port. */
export interface RealClause {
  readonly scenario: ScenarioName
  readonly title: string
  readonly check: (style: Style, world: World) => Promise<void>
}

/**
 * How long something that was cancelled may still be seen. The promise is 100 ms; looking takes time
 * too, and the machine may be busy with something else.
 */
const goneMs = 100 * 3
/** How long to wait for what a sound style starts at once. */
const comesMs = 2_000
/** Long enough for whatever is not cancelled to be found running. */
const slowMs = 5_000

const availability = { sku: 'A-42', onHand: 42, reserved: 2, available: 40 }

const scenarioNames = ['sequence', 'combine'] as const

export const realClauses: readonly RealClause[] = [
  ...scenarioNames.map((scenario): RealClause => ({
    scenario,
    title: 'answers what Postgres and the reservation service hold',
    check: (style, world) =>
      withPort(world, {}, async ({ port }) => {
        const { signal } = new AbortController()
        assert.deepEqual(await style[scenario](port, 'A-42', signal), availability)
      }),
  })),
  ...scenarioNames.map((scenario): RealClause => ({
    scenario,
    title: 'after an abort while the query runs, nothing of it runs in Postgres or over HTTP',
    check: (style, world) =>
      withPort(world, {}, async (seen) => {
        const controller = new AbortController()
        const reason = new Error('the reader has left')
        const slow = seen.port.forRun({ dbMs: slowMs, httpMs: slowMs })
        const run = style[scenario](slow, 'A-42', controller.signal)
        await seen.until('the query runs', async () => (await seen.queries()) === 1)
        if (scenario === 'combine') {
          await seen.until('the request runs', () => seen.requests() === 1)
        }
        controller.abort(reason)
        await assert.rejects(run, (error) => error === reason)
        await seen.isQuiet()
        await seen.hasNoSocket()
      }),
  })),
  ...scenarioNames.map((scenario): RealClause => ({
    scenario,
    title: 'an abort while it waits for a connection starts no query, and the next one gets it',
    check: (style, world) =>
      withPort(world, { poolMax: 1 }, async (seen) => {
        const [holder, waiter] = [new AbortController(), new AbortController()]
        const reason = new Error('the reader has left')
        const slow = seen.port.forRun({ dbMs: slowMs, httpMs: 0 })
        const holding = style[scenario](slow, 'A-42', holder.signal)
        await seen.until('the only connection is lent', async () => (await seen.queries()) === 1)
        const waiting = style[scenario](slow, 'A-42', waiter.signal)
        await seen.until('somebody waits', () => seen.port.stats().database.waiting === 1)
        waiter.abort(reason)
        await assert.rejects(waiting, (error) => error === reason)
        assert.equal(seen.port.stats().database.waiting, 0, 'it still waits')
        holder.abort(reason)
        await assert.rejects(holding, (error) => error === reason)
        await seen.isQuiet()
        const next = await style[scenario](seen.port, 'A-42', new AbortController().signal)
        assert.deepEqual(next, availability)
      }),
  })),
  {
    scenario: 'combine',
    title: 'after the HTTP call has failed first, the query is gone from Postgres',
    check: (style, world) =>
      withPort(world, { upstreamUrl: `${world.service.url}/no/such/path` }, async (seen) => {
        const slow = seen.port.forRun({ dbMs: slowMs, httpMs: 0 })
        const run = style.combine(slow, 'A-42', new AbortController().signal)
        await assert.rejects(run, HttpError)
        await seen.isQuiet()
      }),
  },
  {
    scenario: 'combine',
    title: 'after the database has failed first, the socket of the request is closed',
    check: (style, world) =>
      withPort(world, {}, async (seen) => {
        const slow = seen.port.forRun({ dbMs: 0, httpMs: slowMs })
        const run = style.combine(slow, 'no such sku', new AbortController().signal)
        await assert.rejects(run, UnknownSkuError)
        await seen.isQuiet()
        await seen.hasNoSocket()
      }),
  },
  {
    scenario: 'sequence',
    title: 'after an abort while the request runs, its socket is closed',
    check: (style, world) =>
      withPort(world, {}, async (seen) => {
        const controller = new AbortController()
        const reason = new Error('the reader has left')
        const slow = seen.port.forRun({ dbMs: 0, httpMs: slowMs })
        const run = style.sequence(slow, 'A-42', controller.signal)
        await seen.until('the request runs', () => seen.requests() === 1)
        controller.abort(reason)
        await assert.rejects(run, (error) => error === reason)
        await seen.isQuiet()
        await seen.hasNoSocket()
      }),
  },
]

/** The port, and what can be seen of it from where the work is done. */
interface Seen {
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

async function withPort(
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
