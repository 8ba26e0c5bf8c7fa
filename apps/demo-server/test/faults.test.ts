/**
 * The fault table: what goes wrong behind the server, on real Postgres and real sockets, in every style.
 * Each fault ends the same way in all of them, with the status that its kind says, leaves nothing that runs,
 * and is over when it is healed.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import fs from 'node:fs'
import {
  type PortOptions,
  type RealPort,
  type ReservationService,
  openPort,
  startPostgres,
  startReservationService,
} from '@overlap/backend'
import { type Style, errorKinds, isRetriable, styleNames } from '@overlap/workload'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { buildApp } from '../src/app.ts'
import type { ServerPort } from '../src/context.ts'
import { styles } from '../src/styles.ts'
import { type Injection, databaseFaults, shutdowns } from './database-faults.ts'
import { type Site, newName, openSite, prepare } from './database-site.ts'
import type { Ending, Failure } from './endings.ts'
import { type Answer, type FaultyService, reply, reservation, startFaultyService } from './faulty-service.ts'
import { findFreePort } from './free-port.ts'
import { faultTables } from './fault-tables.ts'
import { otherFaults } from './other-faults.ts'
import { type ServiceFault, serviceFaults } from './service-faults.ts'
import { silent } from './silent.ts'
import { openWay } from './way-to-postgres.ts'

/** Longer than anything here takes that is not cancelled. */
const SLOW_MS = 10_000
/** For what is silent: longer than a busy machine takes to answer. */
const ANSWER_TIMEOUT_MS = 1_000
/** For what another process does. Shorter than what is slow, so that it cannot be taken for cancelled. */
const PATIENCE = { timeout: SLOW_MS / 2, interval: 5 }
const AVAILABLE = 40

/** Whoever asks the server, and what the runs came to. */
interface Client {
  readonly port: RealPort
  readonly applicationName: string
  /** By style. */
  readonly errors: Map<string, unknown>
  /** Attempts to fetch a reservation. */
  attempts: number
}

const asking = new AsyncLocalStorage<Client>()

function whoAsks(): Client {
  const client = asking.getStore()
  if (!client) throw new Error('nobody asks')
  return client
}

/** The port of whoever asks: one server serves all tests. */
const portOfAsker: ServerPort = {
  forRun(options) {
    const client = whoAsks()
    return client.port.forRun({
      ...options,
      observe(call, event) {
        if (call === 'fetchReservation' && event === 'started') client.attempts++
      },
    })
  },
  notify: (...message) => whoAsks().port.notify(...message),
  check: () => whoAsks().port.check(),
  stats: () => whoAsks().port.stats(),
}

function noting(style: Style): Style {
  function note(error: unknown): never {
    whoAsks().errors.set(style.name, error)
    throw error
  }
  return {
    ...style,
    combine: (...run) => style.combine(...run).catch(note),
    timeout: (...run) => style.timeout(...run).catch(note),
    retry: (...run) => style.retry(...run).catch(note),
    transaction: (...run) => style.transaction(...run).catch(note),
    batch: (...policy) => {
      const loader = style.batch(...policy)
      return { load: (...run) => loader.load(...run).catch(note) }
    },
  }
}

let site: Site
/** A replica that is as it should be. */
let sound: FaultyService
const app = buildApp({
  port: portOfAsker,
  styles: styles.map(noting),
  initialStyle: 'promises',
  log: silent,
})

beforeAll(async () => {
  site = await openSite()
  sound = await startFaultyService(() => {})
  await sound.heal()
}, 30_000)
afterAll(async () => {
  await app.close()
  await sound.stop()
  await site.stop()
})

/** Opens a port, and closes it again; then nothing of it is left in Postgres. */
async function withClient(
  options: Partial<PortOptions> & Pick<PortOptions, 'upstreamUrls'>,
  use: (client: Client) => Promise<void>,
) {
  const { applicationName = newName() } = options
  const port = openPort({ databaseUrl: site.url, poolMax: styleNames.length, ...options, applicationName })
  const client = { port, applicationName, errors: new Map<string, unknown>(), attempts: 0 }
  try {
    await asking.run(client, () => use(client))
  } finally {
    await port.close()
  }
  await vi.waitUntil(async () => (await site.connections(applicationName)) === 0, PATIENCE)
}

interface Reply {
  readonly style: string
  readonly status: number
  readonly body: { readonly result?: { readonly available: number }; readonly detail?: string }
}

/** One run in each style, all at the same time. */
function inEachStyle(scenario: string, query: string, skuOf?: (style: string) => string): Promise<Reply[]> {
  whoAsks().errors.clear()
  return Promise.all(
    styleNames.map(async (style) => {
      const { statusCode, body } = await app.inject({
        method: scenario === 'transaction' ? 'POST' : 'GET',
        url: `/api/run/${scenario}?style=${style}&${query}${skuOf ? `&sku=${skuOf(style)}` : ''}`,
      })
      return { style, status: statusCode, body: JSON.parse(body) }
    }),
  )
}

/** A run that is as if nothing were wrong. */
async function succeeds(dbMs = 0) {
  const replies = await inEachStyle('combine', `sku=A-42&dbMs=${dbMs}&httpMs=0`)
  expect(replies).toEqual(
    styleNames.map((style) => ({
      style,
      status: 200,
      body: expect.objectContaining({ style, result: expect.objectContaining({ available: AVAILABLE }) }),
    })),
  )
}

function failed(replies: readonly Reply[], ending: Failure) {
  const { errors } = whoAsks()
  const { error: name, kind, status, code, message = /^/ } = ending
  for (const { style, ...answer } of replies) {
    // A cast, because what is thrown is unknown.
    const error = errors.get(style) as { readonly code?: string; readonly status?: number } | undefined
    expect(error).toMatchObject({ name, kind, message: expect.stringMatching(message) })
    expect([code].flat()).toContain(error?.code)
    expect(error?.status).toBe(status)
    expect(answer).toMatchObject({
      status: errorKinds[kind].status,
      body: { status: errorKinds[kind].status },
    })
  }
}

/**
 * Nothing runs any more, here, in Postgres or on the way, and every connection can be lent. How soon is proved
 * elsewhere: here it must be before what runs would have ended by itself. `frozen`: a backend that is stopped cannot
 * know yet.
 */
async function isQuiet(frozen = false) {
  const { port } = whoAsks()
  expect(port.stats().http.requests).toBe(0)
  expect(port.stats().database.waiting).toBe(0)
  await vi.waitUntil(() => {
    const { database, http } = port.stats()
    return database.open === database.idle && http.sockets === http.idle
  }, PATIENCE)
  if (!frozen) await areActive(0)
}

/** What is silent ends no later for that, when it is given up. */
async function canBeGivenUp(query: { readonly sku: string; readonly dbMs: number; readonly httpMs: number }) {
  const { sku, dbMs, httpMs } = query
  const replies = await inEachStyle('timeout', `sku=${sku}&ms=100&dbMs=${dbMs}&httpMs=${httpMs}`)
  for (const { style, status } of replies) {
    expect(whoAsks().errors.get(style)).toMatchObject({ name: 'TimeoutError', kind: 'deadline' })
    expect(status).toBe(504)
  }
  await isQuiet()
}

async function canBeAborted(
  query: { readonly sku: string; readonly dbMs: number; readonly httpMs: number },
  before: () => Promise<unknown>,
) {
  const controller = new AbortController()
  const { sku, ...delays } = query
  const run = whoAsks().port.forRun(delays)
  const reason = new Error('nobody wants it any more')
  const ends = styles.map((style) =>
    style.combine(run, sku, controller.signal).catch((error: unknown) => error),
  )
  await before()
  controller.abort(reason)
  for (const end of await Promise.all(ends)) expect(end).toBe(reason)
  await isQuiet()
}

/** As many queries of who asks are being executed. */
async function areActive(count: number) {
  const { applicationName } = whoAsks()
  await vi.waitUntil(async () => (await site.active(applicationName)).length === count, PATIENCE)
}

/** `retry` makes a second attempt if the kind of the error says so, and has the same failure after it. */
async function isTriedAgainOrNot(ends: Failure) {
  const client = whoAsks()
  const { retriable } = errorKinds[ends.kind]
  client.attempts = 0
  failed(await inEachStyle('retry', 'sku=A-42&attempts=2&baseMs=0&capMs=0&failures=0&httpMs=0'), ends)
  expect(client.attempts).toBe(styleNames.length * (retriable ? 2 : 1))
  for (const error of client.errors.values()) expect(isRetriable(error)).toBe(retriable)
  await isQuiet()
}

/** What a run in each style comes to that meets a faulty service, and all that must hold after it. */
async function meetsService({ ends, silent: isSilent = false }: ServiceFault, service: FaultyService) {
  if (ends === 'answers') await succeeds()
  else {
    // Of what is silent, the query would be late as well.
    const dbMs = isSilent ? 0 : SLOW_MS
    failed(await inEachStyle('combine', `sku=A-42&dbMs=${dbMs}&httpMs=0`), ends)
    await isQuiet()
    await isTriedAgainOrNot(ends)
  }
  // Where a redirect leads to.
  expect(service.asked.filter((line) => line.includes('/sound/'))).toEqual([])

  // One of two replicas is sound.
  for (const [scenario, delay] of [
    ['race', ''],
    ['hedge', '&delayMs=50'],
  ] as const) {
    const replies = await inEachStyle(scenario, `sku=A-42&replicaMs=0,0&failures=0${delay}`)
    expect(replies.map(({ status }) => status)).toEqual(styleNames.map(() => 200))
    await isQuiet()
  }
  if (isSilent) {
    await canBeGivenUp({ sku: 'A-42', dbMs: SLOW_MS, httpMs: 0 })
    const asked = service.asked.length + styleNames.length
    const areAsked = () => vi.waitUntil(() => service.asked.length >= asked, PATIENCE)
    await canBeAborted({ sku: 'A-42', dbMs: 0, httpMs: 0 }, areAsked)
  }
  await service.heal()
  await succeeds()
  await isQuiet()
  // Not what a body would have been that nobody had cut off: the limit, and what sockets hold.
  expect(service.sentBytes).toBeLessThan(service.asked.length * 32 * 2 ** 20)
}

/** The same with Postgres. The reservation service is as it should be. */
async function meetsPostgres(
  injection: Injection,
  ends: Ending,
  service: ReservationService,
  isSilent: boolean,
) {
  const { sku = 'A-42', whenIdle, whenActive } = injection
  const client = whoAsks()
  if (whenIdle) {
    await succeeds(50)
    await isQuiet()
    await whenIdle(client.port)
  }
  // Of what is silent, the request would be late as well.
  const query = { sku, dbMs: whenActive ? SLOW_MS : 0, httpMs: isSilent ? 0 : SLOW_MS }
  if (ends === 'answers') await succeeds()
  else {
    const replies = inEachStyle('combine', `sku=${sku}&dbMs=${query.dbMs}&httpMs=${query.httpMs}`)
    if (whenActive) await areActive(styleNames.length)
    await whenActive?.()
    failed(await replies, ends)
  }
  await isQuiet(whenActive !== undefined && isSilent)
  await vi.waitUntil(() => {
    const { openRequests, openSockets } = service.ledger
    return openRequests === 0 && openSockets === client.port.stats().http.sockets
  }, PATIENCE)
  if (isSilent && !whenActive) {
    await canBeGivenUp(query)
    await canBeAborted(query, () =>
      vi.waitUntil(() => {
        const { lent, connecting } = client.port.stats().database
        return lent + connecting === styleNames.length
      }, PATIENCE),
    )
  }
  await injection.heal()
  await succeeds()
  await isQuiet()
}

describe.concurrent('a service that', { timeout: 30_000 }, () => {
  test.for(serviceFaults)('$fault', async (fault) => {
    const service = await startFaultyService(fault.answer, fault.refuses)
    const options = {
      upstreamUrls: [service.url, sound.url],
      ...(fault.silent && { answerTimeoutMs: ANSWER_TIMEOUT_MS }),
    }
    try {
      await withClient(options, () => meetsService(fault, service))
      await vi.waitUntil(() => service.openSockets === 0, PATIENCE)
    } finally {
      await service.stop()
    }
  })

  test('closes a kept connection just as it is used again', async () => {
    const used = new WeakSet<object>()
    const answer: Answer = (socket) => {
      if (used.has(socket)) socket.resetAndDestroy()
      else socket.write(reply(reservation))
      used.add(socket)
    }
    const service = await startFaultyService(answer)
    await withClient({ upstreamUrls: [service.url] }, async ({ port }) => {
      for (const style of styles) {
        const { signal } = new AbortController()
        const ask = () => style.combine(port, 'A-42', signal)
        await ask()
        expect(port.stats().http.idle).toBe(1)
        await expect(ask()).rejects.toMatchObject({ name: 'HttpError', kind: 'transient', status: undefined })
        await ask()
        // Tried again, it has a connection of its own.
        const input = { sku: 'A-42', attempts: 2, baseMs: 0, capMs: 0 }
        expect(await style.retry(port, input, signal)).toMatchObject({ reserved: 2 })
        await expect(ask()).rejects.toMatchObject({ kind: 'transient' })
        await isQuiet()
      }
    })
    await service.stop()
  })

  test('fails in the middle of a stream', async () => {
    const answered = new Set<string>()
    const service = await startFaultyService((socket) => {
      const [, style = ''] = /\/(\w+)\/reservations/.exec(service.asked.at(-1) ?? '') ?? []
      socket.write(answered.has(style) ? reply('', 'HTTP/1.1 503 -') : reply(reservation))
      answered.add(style)
    })
    for (const style of styleNames) {
      await withClient({ upstreamUrls: [`${service.url}/${style}`] }, async () => {
        const url = `/api/run/stream?style=${style}&skus=A-42,A-42,A-42&limit=1&dbMs=0&httpMs=0`
        const { statusCode, body } = await app.inject(url)
        const lines = body.trim().split('\n')
        expect(statusCode).toBe(200)
        expect(lines.map((line) => JSON.parse(line))).toMatchObject([
          { result: { available: AVAILABLE } },
          { problem: { status: 502 } },
        ])
        await isQuiet()
      })
    }
    await service.stop()
  })

  const ofOrders = new Set([
    'refuses the connection',
    'never answers',
    'resets the connection before it answers',
    'closes the connection before its Content-Length',
    'answers 503',
    'answers with null',
  ])
  const orderFaults = serviceFaults.filter(({ fault }) => ofOrders.has(fault))
  test.for(orderFaults)('$fault, when it is to confirm an order: nothing is sold', async (fault) => {
    const service = await startFaultyService(fault.answer, fault.refuses)
    // One for each style, because who has taken a product's units keeps it locked until the confirmation.
    const skus = styleNames.map((style) => `${newName()}-${style}`)
    const skuOf = (style: string) => skus.find((sku) => sku.endsWith(style)) ?? ''
    await site.sql(`INSERT INTO overlap.stock VALUES ${skus.map((sku) => `('${sku}', 10)`).join()}`)
    const options = {
      upstreamUrls: [service.url],
      ...(fault.silent && { answerTimeoutMs: ANSWER_TIMEOUT_MS }),
    }
    await withClient(options, async ({ port }) => {
      const replies = await inEachStyle('transaction', 'units=2&dbMs=0&httpMs=0&failures=0', skuOf)
      failed(replies, fault.ends as Failure)
      await isQuietButForOrders()
      for (const sku of skus) expect(await site.onHand(sku)).toBe(10)
      await service.heal()
      await vi.waitUntil(() => port.stats().orders.unsettled === 0, PATIENCE)
      const withdrawn = service.asked.filter((line) => line.startsWith('DELETE /orders/'))
      expect(new Set(withdrawn).size).toBe(5)
    })
    await service.stop()
  })
})

/** The withdrawals of what could not be confirmed go on until the service acknowledges them. */
async function isQuietButForOrders() {
  const { port } = whoAsks()
  await vi.waitUntil(() => port.stats().database.open === port.stats().database.idle, PATIENCE)
  await areActive(0)
}

describe.concurrent('a Postgres that', { timeout: 30_000 }, () => {
  test.for(databaseFaults)('$fault', async ({ inject, ends, silent: isSilent = false }) => {
    const service = await startReservationService()
    const applicationName = newName()
    const injected = await inject(site, applicationName)
    let healed = false
    const heal = async () => {
      healed = true
      await injected.heal()
    }
    const options = {
      databaseUrl: injected.databaseUrl,
      upstreamUrls: [service.url],
      applicationName,
      ...(isSilent && { answerTimeoutMs: ANSWER_TIMEOUT_MS }),
    }
    try {
      await withClient(options, () => meetsPostgres({ ...injected, heal }, ends, service, isSilent))
    } finally {
      if (!healed) await heal()
      await injected.stop?.()
      await service.stop()
    }
  })

  test('kills the query that many wait for', async () => {
    const service = await startReservationService()
    await withClient({ upstreamUrls: [service.url] }, async (client) => {
      const query = `sku=A-42&windowMs=50&max=10&dbMs=${SLOW_MS}&httpMs=0`
      const all = Promise.all([1, 2, 3].map(() => inEachStyle('batch', query)))
      await areActive(styleNames.length)
      await site.strike('terminate', client.applicationName)
      for (const replies of await all)
        failed(replies, { error: 'DatabaseError', kind: 'transient', code: '57P01' })
      await isQuiet()
    })
    await service.stop()
  })

  test.for([
    ['kills the connection that takes an order', 'to-be-killed', '57P01', SLOW_MS, 0],
    ['finds a deadlock when an order is taken', 'refused', '40P01', 0, 0],
    ['refuses the commit of an order', 'refused-at-the-end', '40001', 0, 5],
  ] as const)('%s: nothing is sold', async ([, sku, code, dbMs, confirmations]) => {
    const service = await startReservationService()
    await withClient({ upstreamUrls: [service.url] }, async (client) => {
      const query = `sku=${sku}&units=2&dbMs=${dbMs}&httpMs=0&failures=0`
      const order = inEachStyle('transaction', query)
      if (dbMs > 0) {
        await areActive(styleNames.length)
        await site.strike('terminate', client.applicationName)
      }
      failed(await order, { error: 'DatabaseError', kind: 'transient', code })
      await vi.waitUntil(() => client.port.stats().orders.unsettled === 0, PATIENCE)
      await isQuiet()
      // What was asked for was taken back, with one request more for each.
      expect(service.ledger.requests).toBe(confirmations)
      expect(service.ledger.units).toEqual({})
      expect(await site.onHand(sku)).toBe(10)
    })
    await service.stop()
  })

  test('was silent is ready again when it speaks', async () => {
    const [way, service] = await Promise.all([openWay(site.url, 'carries'), startReservationService()])
    const options = { upstreamUrls: [service.url], answerTimeoutMs: ANSWER_TIMEOUT_MS }
    await withClient({ ...options, databaseUrl: way.url }, async () => {
      const readiness = async () => (await app.inject('/readyz')).statusCode
      expect(await readiness()).toBe(200)
      way.turn('is silent')
      await vi.waitUntil(async () => (await readiness()) === 503, PATIENCE)
      way.turn('carries')
      await vi.waitUntil(async () => (await readiness()) === 200, PATIENCE)
    })
    await Promise.all([way.stop(), service.stop()])
  })

  test.for(shutdowns)('$fault', async ({ signal, ends }) => {
    const service = await startReservationService()
    let postgres = await startPostgres({ port: await findFreePort() })
    const { url, pid } = postgres
    try {
      await prepare(url)
      await withClient({ databaseUrl: url, upstreamUrls: [service.url] }, async ({ port }) => {
        await succeeds(50)
        const replies = inEachStyle('combine', `sku=A-42&dbMs=${SLOW_MS}&httpMs=${SLOW_MS}`)
        const both = () => [port.stats().database.lent, service.ledger.openRequests]
        await vi.waitUntil(() => both().every((count) => count === styleNames.length), PATIENCE)
        process.kill(pid, signal)
        failed(await replies, ends)
        await postgres.stop()
        const refused = await inEachStyle('combine', `sku=A-42&dbMs=0&httpMs=${SLOW_MS}`)
        failed(refused, { error: 'DatabaseError', kind: 'transient', code: 'ECONNREFUSED' })
        await isQuiet()
        await vi.waitUntil(() => service.ledger.openRequests === 0, PATIENCE)
        expect(port.stats().database.open).toBe(0)
        postgres = await startPostgres({ port: Number(new URL(url).port) })
        await prepare(url)
        await succeeds()
        await isQuiet()
      })
    } finally {
      await postgres.stop()
      await service.stop()
    }
  })
})

describe('docs/reliability.md', () => {
  const read = (file: string) => fs.readFileSync(new URL(`../../../${file}`, import.meta.url), 'utf8')

  test('has the tables that are tested here', () => {
    // When it has not: npm run docs.
    expect(read('docs/reliability.md')).toContain(faultTables())
  })

  test('has a command that picks a test by its full name, as Vitest writes it', () => {
    const [, pattern] = / -t '([^']+)'/.exec(read('docs/reliability.md')) ?? []
    expect(serviceFaults.map(({ fault }) => `a service that > ${fault}`)).toContain(pattern)
  })

  test.for(otherFaults)('$fault: there is such a test', ({ file, test: title }) => {
    expect(read(file)).toContain(`'${title}'`)
  })
})
