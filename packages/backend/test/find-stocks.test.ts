import { randomUUID } from 'node:crypto'
import { DatabaseError, type Stock } from '@overlap/workload'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openPort, type RealPort } from '../src/index.ts'
import { useCluster, type Cluster } from './cluster.ts'
import { eventually, GONE_MS } from './eventually.ts'
import { ask, doomed, failure } from './outcome.ts'
import { watch, type Witness } from './witness.ts'

const NAME = 'find-stocks.test'
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
  port = openPort({ databaseUrl: cluster.url, upstreamUrls: [NOWHERE], poolMax: 1, applicationName: NAME })
  await port.prepare()
})
afterEach(() => port.close())

const sorted = (stocks: readonly Stock[]) => stocks.toSorted((a, b) => (a.sku < b.sku ? -1 : 1))

describe('an answer', () => {
  test.for([0, 20])('has a row for each product that is there (dbMs=%i)', async (dbMs) => {
    const run = port.forRun({ dbMs, httpMs: 0 })
    const skus = ['B-0', 'nope', 'A-42', '', "'; DROP TABLE overlap.stock --", '{A-1,A-2}', 'ключ']
    expect(sorted(await ask(run.findStocks, skus))).toEqual([
      { sku: 'A-42', onHand: 42 },
      { sku: 'B-0', onHand: 0 },
    ])
  })

  test.for([0, 20])('is of nothing when nothing is asked for (dbMs=%i)', async (dbMs) => {
    expect(await ask(port.forRun({ dbMs, httpMs: 0 }).findStocks, [])).toEqual([])
  })

  test('has one row of a product that is asked for twice', async () => {
    expect(await ask(port.findStocks, ['A-7', 'A-7'])).toEqual([{ sku: 'A-7', onHand: 7 }])
  })

  test('tells quotes, commas, braces, NULL and spaces in a sku from each other', async () => {
    const odd = ['a"b', "a'b", 'a,b', '{a}', 'NULL', ' ', '\\', '\n']
    await witness.sql("INSERT INTO overlap.stock VALUES ('NULL', 5), ('a\"b', 6), (E'\\\\', 7)")
    try {
      expect(sorted(await ask(port.findStocks, odd))).toEqual([
        { sku: 'NULL', onHand: 5 },
        { sku: '\\', onHand: 7 },
        { sku: 'a"b', onHand: 6 },
      ])
    } finally {
      await witness.sql("DELETE FROM overlap.stock WHERE sku IN ('NULL', 'a\"b', E'\\\\')")
    }
  })

  test('comes for 10,000 products at once', async () => {
    await witness.sql("INSERT INTO overlap.stock SELECT 'M-' || n, n FROM generate_series(1, 10000) AS n")
    try {
      const skus = Array.from({ length: 10_000 }, (_, n) => `M-${n + 1}`)
      const stocks = await ask(port.findStocks, skus)
      expect(stocks).toHaveLength(10_000)
      expect(stocks.find(({ sku }) => sku === 'M-9999')).toEqual({ sku: 'M-9999', onHand: 9_999 })
    } finally {
      await witness.sql("DELETE FROM overlap.stock WHERE sku LIKE 'M-%'")
    }
  })

  test.for([0, 20])('takes its time once, if it finds %i products', async (found) => {
    const dbMs = 200
    const skus = found === 0 ? ['nope'] : Array.from({ length: found }, (_, n) => `A-${n + 1}`)
    const start = performance.now()
    expect(await ask(port.forRun({ dbMs, httpMs: 0 }).findStocks, skus)).toHaveLength(found)
    const ms = performance.now() - start
    expect(ms).toBeGreaterThan(dbMs - 1)
    // As long as 20 sleeps would take.
    expect(ms).toBeLessThan(dbMs * 20)
  })

  test('and its calls are observed by their name', async () => {
    const events: string[] = []
    const run = port.forRun({
      dbMs: 0,
      httpMs: 0,
      observe: (call, event, id) => events.push(`${id} ${call} ${event}`),
    })
    await ask(run.findStocks, ['A-1'])
    await ask(run.findStock, 'A-1')
    expect(events).toEqual([
      ...['started', 'sent', 'succeeded'].map((event) => `0 findStocks ${event}`),
      ...['started', 'sent', 'succeeded'].map((event) => `1 findStock ${event}`),
    ])
  })
})

describe('a failure', () => {
  test('of the statement keeps the connection', async () => {
    for (let i = 0; i < 5; i++)
      expect(await failure(port.findStocks, ['A-1', 'A\0'])).toMatchObject({ code: '22021' })
    expect(port.stats().database).toMatchObject({ open: 1, idle: 1 })
  })

  test('is one on_hand among many that is not a count', async () => {
    const name = `overlap_${randomUUID().replaceAll('-', '')}`
    await witness.sql(`CREATE DATABASE ${name}`)
    const url = new URL(cluster.url)
    url.pathname = `/${name}`
    try {
      const other = await watch(url.href, NAME)
      await other.sql(
        `CREATE SCHEMA overlap; CREATE TABLE overlap.stock (sku text, on_hand float8);
         INSERT INTO overlap.stock VALUES ('X-0', 1), ('X-1', -1), ('X-2', 2)`,
      )
      const bad = openPort({ databaseUrl: url.href, upstreamUrls: [NOWHERE], poolMax: 1 })
      expect(await failure(bad.findStocks, ['X-0', 'X-1', 'X-2'])).toBeInstanceOf(DatabaseError)
      expect(await ask(bad.findStocks, ['X-0', 'X-2'])).toHaveLength(2)
      await bad.close()
      await other.leave()
    } finally {
      await witness.sql(`DROP DATABASE ${name} WITH (FORCE)`)
    }
  })

  test('is a port that is closed', async () => {
    await port.close()
    expect(await failure(port.findStocks, ['A-42'])).toBeInstanceOf(DatabaseError)
  })
})

describe('a cancel', () => {
  test('while it runs has it gone from Postgres within 100 ms, and keeps its connection', async () => {
    const events: string[] = []
    const slow = port.forRun({ dbMs: 10_000, httpMs: 0, observe: (_, event) => events.push(event) })
    const cancel = doomed(slow.findStocks, ['A-42', 'nope'])
    await eventually('the query runs', async () => (await witness.running()) === 1)
    cancel()
    const ms = await eventually('the query is gone', async () => (await witness.running()) === 0)
    expect(ms).toBeLessThan(GONE_MS)
    await eventually('it has stopped', () => events.at(-1) === 'stopped')
    expect(events).toEqual(['started', 'sent', 'cancelled', 'stopped'])
    expect(await ask(port.findStocks, ['A-42'])).toEqual([{ sku: 'A-42', onHand: 42 }])
    expect(await witness.connections()).toBe(1)
  })

  test('while it waits has it never run', async () => {
    const slow = port.forRun({ dbMs: 50, httpMs: 0 })
    const first = ask(slow.findStocks, ['A-1'])
    const cancel = doomed(slow.findStocks, ['A-2'])
    const next = ask(port.findStocks, ['A-3'])
    expect(port.stats().database.waiting).toBe(2)
    cancel()
    expect(port.stats().database.waiting).toBe(1)
    await Promise.all([first, next])
  })

  test('while a connection is being opened leaves it to the next one', async () => {
    await witness.terminate()
    await eventually('the connection is gone', () => port.stats().database.open === 0)
    const cancel = doomed(port.findStocks, ['A-1'])
    const next = ask(port.findStocks, ['A-42'])
    expect(port.stats().database).toMatchObject({ connecting: 1, waiting: 2 })
    cancel()
    expect(await next).toEqual([{ sku: 'A-42', onHand: 42 }])
  })

  test('after the answer does nothing', async () => {
    const cancel = await new Promise<() => void>((resolve) => {
      const it = port.findStocks(['A-42'], () => resolve(it))
    })
    cancel()
    cancel()
    expect(await ask(port.findStocks, ['A-42'])).toHaveLength(1)
  })
})
