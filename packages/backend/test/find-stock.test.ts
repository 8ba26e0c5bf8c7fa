import { randomUUID } from 'node:crypto'
import { DatabaseError, UnknownSkuError } from '@overlap/workload'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openPort, type RealPort } from '../src/index.ts'
import { useCluster, type Cluster } from './cluster.ts'
import { eventually } from './eventually.ts'
import { ask, doomed, failure } from './outcome.ts'
import { startRawServer } from './raw-server.ts'
import { watch, type Witness } from './witness.ts'

const NAME = 'find-stock.test'
const NOWHERE = 'http://127.0.0.1:1'
let cluster: Cluster
let witness: Witness
let port: RealPort

beforeAll(async () => {
  cluster = await useCluster()
  witness = await watch(cluster.url, NAME)
})
afterAll(async () => {
  await witness.leave()
  await cluster.stop()
})
beforeEach(async () => {
  port = openPort({ databaseUrl: cluster.url, upstreamUrls: [NOWHERE], poolMax: 3, applicationName: NAME })
  await port.prepare()
})
afterEach(() => port.close())

/** A database beside ours, for as long as `use` takes. */
async function withDatabase(use: (databaseUrl: string, name: string) => Promise<void>) {
  const name = `overlap_${randomUUID().replaceAll('-', '')}`
  await witness.sql(`CREATE DATABASE ${name}`)
  const url = new URL(cluster.url)
  url.pathname = `/${name}`
  try {
    await use(url.href, name)
  } finally {
    await witness.sql(`DROP DATABASE ${name} WITH (FORCE)`)
    await witness.sql(`DROP ROLE IF EXISTS ${name}`)
  }
}

describe('an answer', () => {
  test('is the row of the product', async () => {
    expect(await ask(port.findStock, 'A-42')).toEqual({ sku: 'A-42', onHand: 42 })
    expect(await ask(port.findStock, 'B-0')).toEqual({ sku: 'B-0', onHand: 0 })
  })

  test('is the same when the database takes its time', async () => {
    const slow = port.forRun({ dbMs: 20, httpMs: 0 })
    expect(await ask(slow.findStock, 'A-42')).toEqual({ sku: 'A-42', onHand: 42 })
  })

  test.for(['nope', '', "'; DROP TABLE overlap.stock --", 'ключ'])(
    'for %j is that there is no such product',
    async (sku) => {
      const error = await failure(port.findStock, sku)
      expect(error).toBeInstanceOf(UnknownSkuError)
      expect(error).toMatchObject({ sku })
    },
  )

  test('comes when the waiting line is longer than the pool', async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, () => ask(port.findStock, 'A-42')))
    expect(answers).toHaveLength(50)
    await eventually('all are idle', () => port.stats().database.idle === 3)
    expect(port.stats().database).toMatchObject({ open: 3, lent: 0, connecting: 0, waiting: 0 })
  })

  test('lets its caller ask again at once on the same connection', async () => {
    for (let i = 0; i < 20; i++) await ask(port.findStock, 'A-42')
    await new Promise<void>((resolve, reject) => {
      port.findStock('A-42', () => {
        port.findStock('A-42', (error) => (error ? reject(error) : resolve()))
      })
    })
    expect(port.stats().database.open).toBe(1)
  })
})

describe('a failure', () => {
  test('of the statement keeps the connection: 20 of them open no other', async () => {
    for (let i = 0; i < 20; i++) {
      const error = await failure(port.findStock, 'A\0')
      expect(error).toBeInstanceOf(DatabaseError)
      expect(error).toMatchObject({ code: '22021' })
    }
    expect(port.stats().database).toMatchObject({ open: 1, idle: 1 })
    expect(await witness.connections()).toBe(1)
  })

  test('does not tell the SQL, nor who connects where', async () => {
    const { message } = await failure(port.findStock, 'A\0')
    expect(message).not.toMatch(/select|stock|postgres|127\.0\.0\.1/i)
  })

  test('can be asked for: Postgres raises it after the delay, whatever it was asked', async () => {
    const failing = port.forRun({ dbMs: 50, httpMs: 0, dbFails: true })
    for (const sku of ['A-42', 'nope']) {
      const start = performance.now()
      const error = await failure(failing.findStock, sku)
      expect(error).toMatchObject({ name: 'DatabaseError', code: '22012', kind: 'permanent' })
      expect(performance.now() - start).toBeGreaterThan(49)
    }
    expect(await failure(failing.findStocks, ['A-1'])).toMatchObject({ code: '22012' })
    const atOnce = port.forRun({ dbMs: 0, httpMs: 0, dbFails: true })
    expect(await failure(atOnce.findStock, 'A-42')).toMatchObject({ code: '22012' })
    expect(await ask(port.findStock, 'A-42')).toMatchObject({ onHand: 42 })
    expect(await witness.connections()).toBe(1)
  })

  test('that is asked for can be cancelled until then, like any query', async () => {
    const cancel = doomed(port.forRun({ dbMs: 5_000, httpMs: 0, dbFails: true }).findStock, 'A-42')
    await eventually('the query runs', async () => (await witness.running()) === 1)
    cancel()
    await eventually('the query is gone', async () => (await witness.running()) === 0)
  })

  test("is the administrator's cancel, with its code", async () => {
    const slow = port.forRun({ dbMs: 5_000, httpMs: 0 })
    const failed = failure(slow.findStock, 'A-42')
    await eventually('the query runs', async () => (await witness.running()) === 1)
    const [pid] = await witness.backends()
    await witness.sql(`SELECT pg_cancel_backend(${pid})`)
    expect(await failed).toMatchObject({ name: 'DatabaseError', code: '57014' })
    expect(await ask(port.findStock, 'A-42')).toMatchObject({ onHand: 42 })
  })

  test('of one connection is the failure of its call only', async () => {
    const slow = port.forRun({ dbMs: 1000, httpMs: 0 })
    const first = failure(slow.findStock, 'A-42')
    await eventually('the query runs', async () => (await witness.running()) === 1)
    const [pid] = await witness.backends()
    const second = ask(slow.findStock, 'A-42')
    await witness.sql(`SELECT pg_terminate_backend(${pid})`)
    expect(await first).toMatchObject({ name: 'DatabaseError', code: '57P01' })
    expect(await second).toMatchObject({ onHand: 42 })
    await eventually('the dead connection is forgotten', () => port.stats().database.open === 1)
  })

  test('of idle connections crashes nothing, and the next call works', async () => {
    const warm = port.forRun({ dbMs: 20, httpMs: 0 })
    await Promise.all([1, 2, 3].map(() => ask(warm.findStock, 'A-42')))
    await eventually('all are idle', () => port.stats().database.idle === 3)
    expect(await witness.terminate()).toBe(3)
    await eventually('the dead connections are forgotten', () => port.stats().database.open === 0)
    expect(await ask(port.findStock, 'A-42')).toMatchObject({ onHand: 42 })
  })

  test('is an on_hand that is not a count', async () => {
    await withDatabase(async (databaseUrl) => {
      const other = await watch(databaseUrl, NAME)
      await other.sql('CREATE SCHEMA overlap; CREATE TABLE overlap.stock (sku text, on_hand float8)')
      const values = ['NULL', '-1', '1.5', "'NaN'", "'Infinity'", '9007199254740993']
      for (const [i, value] of values.entries())
        await other.sql(`INSERT INTO overlap.stock VALUES ('X-${i}', ${value})`)
      const bad = openPort({ databaseUrl, upstreamUrls: [NOWHERE], poolMax: 1 })
      for (const i of values.keys())
        expect(await failure(bad.findStock, `X-${i}`)).toBeInstanceOf(DatabaseError)
      await other.sql(
        "DROP TABLE overlap.stock; CREATE TABLE overlap.stock AS SELECT 'X-0' AS sku, 7::int8 AS on_hand",
      )
      expect(await failure(bad.findStock, 'X-0')).toBeInstanceOf(DatabaseError)
      await bad.close()
      await other.leave()
    })
  })

  test('is a connection more than the database gives, and the others serve', async () => {
    await withDatabase(async (databaseUrl, name) => {
      await witness.sql(`CREATE ROLE ${name} LOGIN SUPERUSER PASSWORD '${name}'`)
      await witness.sql(
        `ALTER DATABASE ${name} OWNER TO ${name}; ALTER ROLE ${name} NOSUPERUSER CONNECTION LIMIT 2`,
      )
      const url = new URL(databaseUrl)
      url.username = name
      url.password = name
      const limited = openPort({ databaseUrl: url.href, upstreamUrls: [NOWHERE], poolMax: 6 })
      await limited.prepare()
      const run = limited.forRun({ dbMs: 50, httpMs: 0 })
      const outcomes = await Promise.allSettled(Array.from({ length: 12 }, () => ask(run.findStock, 'A-42')))
      const failed = outcomes.filter(({ status }) => status === 'rejected')
      for (const outcome of failed) expect(outcome).toMatchObject({ reason: { code: '53300' } })
      expect(failed.length).toBeGreaterThan(0)
      expect(outcomes.length - failed.length).toBeGreaterThanOrEqual(2)
      expect(await ask(limited.findStock, 'A-42')).toMatchObject({ onHand: 42 })
      await limited.close()
      await witness.sql(`ALTER DATABASE ${name} OWNER TO CURRENT_USER; DROP OWNED BY ${name}`)
    })
  })

  test('is a database that does not exist, and one that has no table', async () => {
    const url = new URL(cluster.url)
    url.pathname = '/overlap_missing'
    const missing = openPort({ databaseUrl: url.href, upstreamUrls: [NOWHERE], poolMax: 1 })
    expect(await failure(missing.findStock, 'A-42')).toMatchObject({ code: '3D000' })
    await missing.close()
    url.pathname = '/template1'
    const empty = openPort({ databaseUrl: url.href, upstreamUrls: [NOWHERE], poolMax: 1 })
    expect(await failure(empty.findStock, 'A-42')).toMatchObject({ code: '42P01' })
    await empty.close()
  })

  const SASL = 'R\0\0\0\x17\0\0\0\nSCRAM-SHA-256\0\0'
  const SASL_CONTINUE = 'R\0\0\0\x08\0\0\0\v'
  test.for([
    ['a password', '', [SASL, SASL_CONTINUE], 'the database asks for a password, and there is none'],
    ['no TLS', '?sslmode=verify-full', ['N'], 'the database does not offer TLS'],
  ] as const)(
    'is a database that wants %s, where the URL says otherwise',
    async ([, query, says, sentence]) => {
      const server = await startRawServer((socket) => {
        const left = [...says]
        socket.on('data', () => void socket.write(left.shift() ?? ''))
      })
      const databaseUrl = `postgres://somebody@127.0.0.1:${server.port}/stock${query}`
      const refused = openPort({ databaseUrl, upstreamUrls: [NOWHERE], poolMax: 1 })
      const error = await failure(refused.findStock, 'A-42')
      expect(error).toMatchObject({ message: sentence, kind: 'permanent' })
      await refused.close()
      await server.stop()
    },
  )
})

describe('prepare', () => {
  test('may be done by several processes at once', async () => {
    await witness.sql('DROP SCHEMA overlap CASCADE')
    const others = Array.from({ length: 5 }, () =>
      openPort({ databaseUrl: cluster.url, upstreamUrls: [NOWHERE], poolMax: 1 }),
    )
    await Promise.all(others.map((other) => other.prepare()))
    await Promise.all(others.map((other) => other.close()))
    expect(await ask(port.findStock, 'A-20')).toEqual({ sku: 'A-20', onHand: 20 })
  })

  test('leaves the rows that are there', async () => {
    await witness.sql(
      "UPDATE overlap.stock SET on_hand = 7 WHERE sku = 'A-7'; DELETE FROM overlap.stock WHERE sku = 'A-8'",
    )
    await witness.sql("UPDATE overlap.stock SET on_hand = 70 WHERE sku = 'A-7'")
    await port.prepare()
    expect(await ask(port.findStock, 'A-7')).toEqual({ sku: 'A-7', onHand: 70 })
    expect(await ask(port.findStock, 'A-8')).toEqual({ sku: 'A-8', onHand: 8 })
    await witness.sql("UPDATE overlap.stock SET on_hand = 7 WHERE sku = 'A-7'")
  })
})

describe('options', () => {
  test('that cannot be used are refused at once', () => {
    const good = { databaseUrl: cluster.url, upstreamUrls: [NOWHERE], poolMax: 1 }
    for (const poolMax of [0, -1, 1.5, NaN]) expect(() => openPort({ ...good, poolMax })).toThrow(RangeError)
    for (const upstreamUrl of ['', 'localhost:80', 'ftp://localhost'])
      expect(() => openPort({ ...good, upstreamUrls: [NOWHERE, upstreamUrl] })).toThrow('upstreamUrls[1]')
    expect(() => openPort({ ...good, upstreamUrls: [] })).toThrow(TypeError)
    for (const ms of [-1, 10_001, 0.5, NaN]) {
      expect(() => port.forRun({ dbMs: ms, httpMs: 0 })).toThrow(RangeError)
      expect(() => port.forRun({ dbMs: 0, httpMs: ms })).toThrow(RangeError)
    }
  })

  test('of the connection in databaseUrl are kept, beside the check for clients that are gone', async () => {
    const url = new URL(cluster.url)
    url.searchParams.set('options', '-c statement_timeout=50')
    const impatient = openPort({ databaseUrl: url.href, upstreamUrls: [NOWHERE], poolMax: 1 })
    const slow = impatient.forRun({ dbMs: 5_000, httpMs: 0 })
    expect(await failure(slow.findStock, 'A-42')).toMatchObject({ code: '57014' })
    await impatient.close()
  })
})

describe('a call after close', () => {
  test('fails, later', async () => {
    await port.close()
    await port.close()
    expect(await failure(port.findStock, 'A-42')).toBeInstanceOf(DatabaseError)
    expect(await failure(port.fetchReservation, 'A-42')).toMatchObject({ name: 'HttpError' })
    await expect(port.check()).rejects.toThrow('closed')
  })
})

describe('the wait for a connection', () => {
  test('is nothing when nobody waits', async () => {
    expect(port.stats().database.waitMs).toBe(0)
    await Promise.all(Array.from({ length: 9 }, () => ask(port.findStock, 'A-42')))
    expect(port.stats().database.waitMs).toBe(0)
  })

  test('is what connections are held for, times those who wait for each', async () => {
    const slow = port.forRun({ dbMs: 50, httpMs: 0 })
    const started = performance.now()
    await Promise.all(Array.from({ length: 3 * 10 }, () => ask(slow.findStock, 'A-42')))
    const heldMs = (performance.now() - started) / 10
    // Those who have just come have not waited yet, so this is an estimate.
    const cancels = Array.from({ length: 3 + 30 }, () => doomed(slow.findStock, 'A-42'))
    const { waiting, waitMs } = port.stats().database
    for (const cancel of cancels) cancel()
    expect(waiting).toBe(30)
    expect(waitMs).toBeGreaterThan(0.5 * 10 * heldMs)
    expect(waitMs).toBeLessThan(1.5 * 10 * heldMs)
    expect(port.stats().database.waitMs).toBe(0)
  })

  test('is at least what the first in the line has waited', async () => {
    await ask(port.findStock, 'A-42')
    const stuck = port.forRun({ dbMs: 10_000, httpMs: 0 })
    const cancels = Array.from({ length: 4 }, () => doomed(stuck.findStock, 'A-42'))
    const started = performance.now()
    await eventually('it has waited for 50 ms', () => performance.now() - started > 50)
    expect(port.stats().database.waitMs).toBeGreaterThan(45)
    for (const cancel of cancels) cancel()
  })
})
