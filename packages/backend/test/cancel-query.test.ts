import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openPort, startPostgres, type RealPort } from '../src/index.ts'
import { useCluster, type Cluster } from './cluster.ts'
import { eventually, GONE_MS } from './eventually.ts'
import { ask, doomed, failure } from './outcome.ts'
import { startRelay } from './relay.ts'
import { startRawServer } from './raw-server.ts'
import { watch, type Witness } from './witness.ts'

const NAME = 'cancel-query.test'
const NOWHERE = 'http://127.0.0.1:1'
let cluster: Cluster
let witness: Witness
let port: RealPort

function open(poolMax: number, databaseUrl = cluster.url) {
  return openPort({ databaseUrl, upstreamUrls: [NOWHERE], poolMax, applicationName: NAME })
}

beforeAll(async () => {
  // Of its own: while a backend is frozen, nobody can drop a database of the same cluster.
  cluster = process.env['DATABASE_URL'] ? await useCluster() : await startPostgres()
  witness = await watch(cluster.url, NAME)
})
afterAll(async () => {
  await witness.leave()
  await cluster.stop()
})
beforeEach(async () => {
  port = open(1)
  await port.prepare()
})
afterEach(() => port.close())

describe('a cancelled query', () => {
  test('is gone from Postgres within 100 ms, and keeps its connection', async () => {
    const slow = port.forRun({ dbMs: 10_000, httpMs: 0 })
    for (let i = 0; i < 10; i++) {
      const cancel = doomed(slow.findStock, 'A-42')
      await eventually('the query runs', async () => (await witness.running()) === 1)
      cancel()
      const ms = await eventually('the query is gone', async () => (await witness.running()) === 0)
      expect(ms).toBeLessThan(GONE_MS)
    }
    await eventually('the connection is idle', () => port.stats().database.idle === 1)
    expect(await ask(port.findStock, 'A-42')).toMatchObject({ onHand: 42 })
    expect(await witness.connections()).toBe(1)
  })

  test('leaves its only connection to the next one within 100 ms', async () => {
    const slow = port.forRun({ dbMs: 10_000, httpMs: 0 })
    const cancel = doomed(slow.findStock, 'A-42')
    const next = ask(port.findStock, 'A-42')
    await eventually('the query runs', async () => (await witness.running()) === 1)
    const start = performance.now()
    cancel()
    expect(await next).toMatchObject({ onHand: 42 })
    expect(performance.now() - start).toBeLessThan(GONE_MS)
  })

  test('that waits never runs, and the others keep their order', async () => {
    const order: string[] = []
    const slow = port.forRun({ dbMs: 50, httpMs: 0, observe: (_, event) => order.push(event) })
    const first = ask(slow.findStock, 'A-1')
    const gone = [doomed(slow.findStock, 'A-2'), doomed(slow.findStock, 'A-3')]
    const later = ['A-4', 'A-5'].map((sku) => ask(port.findStock, sku).then(() => order.push(sku)))
    expect(port.stats().database.waiting).toBe(4)
    for (const cancel of gone) cancel()
    expect(port.stats().database.waiting).toBe(2)
    await Promise.all([first, ...later])
    expect(order.join(' ')).toBe(
      'started sent started started cancelled stopped cancelled stopped succeeded A-4 A-5',
    )
  })

  test('that waits for a connection being opened never runs; the connection is kept', async () => {
    const events: string[] = []
    const run = port.forRun({ dbMs: 0, httpMs: 0, observe: (_, event) => events.push(event) })
    await witness.terminate()
    await eventually('the connection is gone', () => port.stats().database.open === 0)
    doomed(run.findStock, 'A-42')()
    expect(port.stats().database).toMatchObject({ connecting: 1, waiting: 0 })
    await eventually('it is idle', () => port.stats().database.idle === 1)
    expect(events).toEqual(['started', 'cancelled', 'stopped'])
  })

  test('that waits for a connection being opened leaves it to the next one', async () => {
    const fresh = open(1)
    const cancel = doomed(fresh.findStock, 'A-1')
    const next = ask(fresh.findStock, 'A-42')
    cancel()
    expect(await next).toMatchObject({ onHand: 42 })
    await fresh.close()
  })

  test('leaves its place among 20,000 that wait at no cost', async () => {
    const run = port.forRun({ dbMs: 1_000, httpMs: 0 })
    const cancels = Array.from({ length: 20_000 }, () => doomed(run.findStock, 'A-42'))
    expect(port.stats().database.waiting).toBeGreaterThanOrEqual(19_999)
    for (const cancel of cancels.toReversed()) cancel()
    expect(port.stats().database.waiting).toBe(0)
    expect(await ask(port.findStock, 'A-42')).toMatchObject({ onHand: 42 })
  })
})

describe('cancel', () => {
  test('twice, or after the answer, does nothing', async () => {
    const events: string[] = []
    const run = port.forRun({ dbMs: 0, httpMs: 0, observe: (_, event) => events.push(event) })
    const cancel = await new Promise<() => void>((resolve) => {
      const it = run.findStock('A-42', () => resolve(it))
    })
    cancel()
    cancel()
    expect(events).toEqual(['started', 'sent', 'succeeded'])
    events.length = 0
    const cancelEarly = doomed(run.findStock, 'A-42')
    cancelEarly()
    cancelEarly()
    await eventually('it has stopped', () => events.includes('stopped'))
    await sleep(10)
    expect(events).toEqual(['started', 'sent', 'cancelled', 'stopped'])
  })

  test('that races with the answer never hits another query', { timeout: 30_000 }, async () => {
    const lanes = [open(1), open(1), open(1), open(1)]
    let hit = 0
    await Promise.all(
      lanes.map(async (lane, seed) => {
        const racer = lane.forRun({ dbMs: 1, httpMs: 0 })
        const probe = lane.forRun({ dbMs: 2, httpMs: 0 })
        for (let i = 0; i < 500; i++) {
          const cancel = racer.findStock('A-1', () => {})
          // From long before to just after the answer.
          if ((i + seed) % 3 > 0) await sleep((i + seed) % 3)
          for (let turns = (i * 7 + seed) % 23; turns > 0; turns--) await turn()
          cancel()
          await ask(probe.findStock, 'A-42').catch((error: Error) => {
            if ('code' in error && error.code === '57014') hit++
            else throw error
          })
        }
      }),
    )
    await Promise.all(lanes.map((lane) => lane.close()))
    expect(hit).toBe(0)
  })
})

describe('a cancel that gets lost', () => {
  // Freezing a backend takes the right to signal it, which we have over our own clusters.
  test.skipIf(process.env['DATABASE_URL'])(
    'costs the connection after 2 s, and its place is free again',
    async () => {
      const slow = port.forRun({ dbMs: 10_000, httpMs: 0 })
      const cancel = doomed(slow.findStock, 'A-42')
      await eventually('the query runs', async () => (await witness.running()) === 1)
      const [pid] = await witness.backends()
      if (pid === undefined) throw new Error('it has no backend')
      process.kill(pid, 'SIGSTOP')
      try {
        cancel()
        const next = ask(port.findStock, 'A-42')
        await sleep(500)
        expect(port.stats().database).toMatchObject({ open: 1, lent: 1, waiting: 1 })
        expect(await next).toMatchObject({ onHand: 42 })
      } finally {
        process.kill(pid, 'SIGCONT')
      }
    },
  )

  test('because it has overtaken its query is sent again', async () => {
    const relay = await startRelay(cluster.url)
    const relayed = open(1, relay.url)
    await ask(relayed.findStock, 'A-42')
    relay.delayQueries(30)
    const cancel = doomed(relayed.forRun({ dbMs: 10_000, httpMs: 0 }).findStock, 'A-42')
    cancel()
    const ms = await eventually('the connection is idle', () => relayed.stats().database.idle === 1)
    expect(ms).toBeGreaterThan(29)
    expect(ms).toBeLessThan(GONE_MS)
    await relayed.close()
    await relay.stop()
  })

  test('because nobody takes the request destroys the connection at once', async () => {
    // A relay that takes one connection, and no second one for the cancel.
    const { hostname, port: databasePort } = new URL(cluster.url)
    let taken = 0
    const relay = await startRawServer((socket) => {
      if (++taken > 1) socket.resetAndDestroy()
      else relay.pipe(socket, Number(databasePort || 5432), hostname)
    })
    const url = new URL(cluster.url)
    url.hostname = '127.0.0.1'
    url.port = String(relay.port)
    const relayed = open(1, url.href)
    const cancel = doomed(relayed.forRun({ dbMs: 10_000, httpMs: 0 }).findStock, 'A-42')
    await eventually('the query runs', async () => (await witness.running()) === 1)
    cancel()
    const closed = await eventually('the connection is gone', () => relayed.stats().database.open === 0)
    expect(closed).toBeLessThan(GONE_MS)
    // Now it is Postgres that has to notice: the backstop.
    const ms = await eventually('the query is gone', async () => (await witness.running()) === 0)
    expect(ms).toBeLessThan(GONE_MS)
    await relayed.close()
    await relay.stop()
  })
})

describe('at most poolMax connections exist', () => {
  test('while queries are cancelled, killed and fail to connect', async () => {
    const max = 4
    const crowd = open(max)
    let most = 0
    const sampling = new AbortController()
    const sampler = (async () => {
      while (!sampling.signal.aborted) {
        most = Math.max(most, await witness.connections())
        expect(crowd.stats().database.open).toBeLessThanOrEqual(max)
      }
    })()
    await port.close()
    const run = crowd.forRun({ dbMs: 10, httpMs: 0 })
    let settled = 0
    for (let round = 0; round < 30; round++) {
      for (let i = 0; i < 8; i++) {
        const cancel = run.findStock('A-42', () => settled++)
        if (i % 2) setTimeout(cancel, i * 2)
      }
      if (round % 5 === 4) await witness.terminate()
      await sleep(10)
    }
    await eventually('nothing runs', () => crowd.stats().database.lent + crowd.stats().database.waiting === 0)
    sampling.abort()
    await sampler
    expect(settled).toBeGreaterThan(0)
    expect(most).toBeGreaterThan(1)
    expect(most).toBeLessThanOrEqual(max)
    await crowd.close()
    await eventually('all are gone', async () => (await witness.connections()) === 0)
  })
})

describe('close', () => {
  test('fails what runs and what waits, and leaves no connection', async () => {
    const slow = port.forRun({ dbMs: 10_000, httpMs: 0 })
    const errors = [failure(slow.findStock, 'A-42'), failure(slow.findStock, 'A-42')]
    await eventually('the query runs', async () => (await witness.running()) === 1)
    await port.close()
    expect(port.stats().database).toMatchObject({ open: 0, lent: 0, waiting: 0 })
    for (const error of await Promise.all(errors)) expect(error.name).toBe('DatabaseError')
    const ms = await eventually('it is gone', async () => (await witness.connections()) === 0)
    expect(ms).toBeLessThan(GONE_MS)
  })
})
