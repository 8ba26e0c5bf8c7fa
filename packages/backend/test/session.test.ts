import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import { DatabaseError, OutOfStockError, UnknownSkuError, type Session } from '@overlap/workload'
import { Client } from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openPort, type RealPort } from '../src/index.ts'
import { PgClient } from '../src/pg-client.ts'
import { useCluster, type Cluster } from './cluster.ts'
import { eventually, GONE_MS } from './eventually.ts'
import { ask, doomed, failure } from './outcome.ts'
import { startRelay } from './relay.ts'
import { watch, type Witness } from './witness.ts'

const NAME = 'session.test'
const NOWHERE = 'http://127.0.0.1:1'
const sku = 'T-100'
let cluster: Cluster
let witness: Witness
let port: RealPort

function open(poolMax: number, databaseUrl = cluster.url) {
  return openPort({ databaseUrl, upstreamUrls: [NOWHERE], poolMax, applicationName: NAME })
}

beforeAll(async () => {
  cluster = await useCluster()
  witness = await watch(cluster.url, NAME)
})
afterAll(async () => {
  await witness.leave()
  await cluster.stop()
})
beforeEach(async () => {
  port = open(1)
  await port.prepare()
  await witness.sql(`UPDATE overlap.stock SET on_hand = 100 WHERE sku = '${sku}'`)
})
afterEach(() => port.close())

function begin(from: Pick<RealPort, 'openSession'> = port): Promise<Session> {
  return ask(from.openSession, undefined)
}

/** Nothing is left of any session: no lock, no transaction, and the one connection serves the next. */
async function expectNoTrace(onHand = 100, from = port) {
  await eventually('nothing is lent', () => from.stats().database.lent + from.stats().database.waiting === 0)
  // Postgres ends a killed backend in its own time.
  await eventually('no transaction is open', async () => (await witness.idleInTransaction()) === 0)
  expect(await witness.onHand(sku)).toBe(onHand)
  expect(await ask(from.findStock, sku)).toEqual({ sku, onHand })
  await eventually('one connection is left', async () => (await witness.connections()) === 1)
  const next = await begin(from)
  expect(await ask(next.takeStock, { sku, units: 1 })).toEqual({ sku, onHand: onHand - 1 })
  next.close()
  await eventually('it is rolled back', () => from.stats().database.idle === 1)
  expect(await witness.onHand(sku)).toBe(onHand)
}

/** Somebody else's transaction, which has locked the row. */
async function withLock(use: (unlock: () => Promise<void>) => Promise<void>) {
  const other = new Client({ connectionString: cluster.url })
  await other.connect()
  await other.query(`BEGIN; UPDATE overlap.stock SET on_hand = on_hand - 1 WHERE sku = '${sku}'`)
  try {
    await use(async () => void (await other.query('ROLLBACK')))
  } finally {
    await other.end()
  }
}

describe('a session', () => {
  test('makes what it has taken last with its commit', async () => {
    const session = await begin()
    expect(session.order).toMatch(/^[0-9a-f-]{36}$/)
    expect(await ask(session.takeStock, { sku, units: 3 })).toEqual({ sku, onHand: 97 })
    expect(await ask(session.takeStock, { sku, units: 7 })).toEqual({ sku, onHand: 90 })
    expect(await witness.onHand(sku)).toBe(100)
    await ask(session.commit, undefined)
    expect(await witness.onHand(sku)).toBe(90)
    expect(port.stats().database).toMatchObject({ lent: 1, idle: 0 })
    session.close()
    expect(port.stats().database).toMatchObject({ lent: 0, idle: 1 })
    const next = await begin()
    expect(next.order).not.toBe(session.order)
    next.close()
    await port.prepare()
    await expectNoTrace(90)
  })

  test('that takes what is not there fails, and can go on', async () => {
    const session = await begin()
    const units = 43
    const error = await failure(session.takeStock, { sku: 'A-42', units })
    expect(error).toBeInstanceOf(OutOfStockError)
    expect(error).toMatchObject({ sku: 'A-42', units, onHand: 42 })
    expect(await failure(session.takeStock, { sku: 'nope', units })).toBeInstanceOf(UnknownSkuError)
    expect(await ask(session.takeStock, { sku, units: 100 })).toEqual({ sku, onHand: 0 })
    expect(await failure(session.takeStock, { sku, units: 1 })).toMatchObject({ onHand: 0 })
    session.close()
    await expectNoTrace()
  })

  test('whose transaction the database has given up cannot commit', async () => {
    const session = await begin()
    await ask(session.takeStock, { sku, units: 3 })
    const bad = await failure(session.takeStock, { sku: '\u0000', units: 3 })
    expect(bad).toBeInstanceOf(DatabaseError)
    expect(await failure(session.commit, undefined)).toMatchObject({
      name: 'DatabaseError',
      message: 'the database has rolled the transaction back',
    })
    session.close()
    await expectNoTrace()
  })

  test('can be made to fail when it takes stock, and takes none', async () => {
    const session = await begin(port.forRun({ dbMs: 20, httpMs: 0, dbFails: true }))
    expect(await failure(session.takeStock, { sku, units: 3 })).toMatchObject({ code: '22012' })
    expect(await failure(session.commit, undefined)).toBeInstanceOf(DatabaseError)
    session.close()
    await expectNoTrace()
  })

  test('is told to whoever watches', async () => {
    const events: string[] = []
    const observe = (name: string, event: string, id: number) => events.push(`${id} ${name} ${event}`)
    const run = port.forRun({ dbMs: 0, httpMs: 0, observe })
    const session = await begin(run)
    await ask(session.takeStock, { sku, units: 3 })
    await failure(session.takeStock, { sku, units: 98 })
    await ask(session.commit, undefined)
    session.close()
    const calls = ['openSession', 'takeStock', 'takeStock', 'commit']
    const expected = calls.flatMap((name, id) =>
      ['started', 'sent', id === 2 ? 'failed' : 'succeeded'].map((event) => `${id} ${name} ${event}`),
    )
    expect(events).toEqual(expected)
  })

  test('takes its time, and has not locked the row while it sleeps', async () => {
    const two = open(2)
    const slow = await begin(two.forRun({ dbMs: 300, httpMs: 0 }))
    const start = performance.now()
    const taken = ask(slow.takeStock, { sku, units: 60 })
    await eventually('it sleeps', async () => (await witness.waiting('PgSleep')) === 1)
    const quick = await begin(two)
    expect(await ask(quick.takeStock, { sku, units: 30 })).toEqual({ sku, onHand: 70 })
    await ask(quick.commit, undefined)
    quick.close()
    expect(await witness.waiting('PgSleep')).toBe(1)
    // The row has changed since its statement began.
    expect(await taken).toEqual({ sku, onHand: 10 })
    expect(performance.now() - start).toBeGreaterThan(299)
    slow.close()
    await two.close()
  })

  test.for([
    ['B-0', OutOfStockError],
    ['nope', UnknownSkuError],
  ] as const)('takes its time to find that of %s nothing can be taken', async ([of, expected]) => {
    const session = await begin(port.forRun({ dbMs: 50, httpMs: 0 }))
    const start = performance.now()
    expect(await failure(session.takeStock, { sku: of, units: 1 })).toBeInstanceOf(expected)
    expect(performance.now() - start).toBeGreaterThan(49)
    session.close()
  })

  test('takes what has been put back while it slept', async () => {
    await witness.sql(`UPDATE overlap.stock SET on_hand = 0 WHERE sku = '${sku}'`)
    const session = await begin(port.forRun({ dbMs: 300, httpMs: 0 }))
    const taken = ask(session.takeStock, { sku, units: 3 })
    await eventually('it sleeps', async () => (await witness.waiting('PgSleep')) === 1)
    await witness.sql(`UPDATE overlap.stock SET on_hand = 5 WHERE sku = '${sku}'`)
    expect(await taken).toEqual({ sku, onHand: 2 })
    session.close()
    await expectNoTrace(5)
  })

  test('waits for a lock, and looks again at what has become of the row', async () => {
    await withLock(async (unlock) => {
      const session = await begin()
      const taken = ask(session.takeStock, { sku, units: 100 })
      await eventually('it waits', async () => (await witness.waiting('Lock')) === 1)
      await unlock()
      expect(await taken).toEqual({ sku, onHand: 0 })
      session.close()
    })
    await expectNoTrace()
  })
})

describe('a mistake of the caller throws:', () => {
  test('a call of a closed session, and a second close', async () => {
    const session = await begin()
    session.close()
    expect(() => session.takeStock({ sku, units: 1 }, () => {})).toThrow('the session has been closed')
    expect(() => session.commit(undefined, () => {})).toThrow('the session has been closed')
    expect(() => session.close()).toThrow('the session has been closed')
    await expectNoTrace()
  })

  test('a call while another runs, or after the commit', async () => {
    const session = await begin(port.forRun({ dbMs: 50, httpMs: 0 }))
    const taken = ask(session.takeStock, { sku, units: 1 })
    expect(() => session.takeStock({ sku, units: 1 }, () => {})).toThrow('another call')
    expect(() => session.commit(undefined, () => {})).toThrow('another call')
    expect(() => session.close()).toThrow('is running')
    await taken
    const committed = ask(session.commit, undefined)
    expect(() => session.takeStock({ sku, units: 1 }, () => {})).toThrow('another call')
    await committed
    expect(() => session.takeStock({ sku, units: 1 }, () => {})).toThrow('has been committed')
    expect(() => session.commit(undefined, () => {})).toThrow('has been committed')
    session.close()
    await expectNoTrace(99)
  })
})

describe('an abort', () => {
  test('while the session waits for a connection leaves the queue', async () => {
    const first = await begin()
    const events: string[] = []
    const run = port.forRun({ dbMs: 0, httpMs: 0, observe: (_, event) => events.push(event) })
    const cancel = doomed(run.openSession, undefined)
    expect(port.stats().database.waiting).toBe(1)
    cancel()
    expect(port.stats().database.waiting).toBe(0)
    expect(events).toEqual(['started', 'cancelled', 'stopped'])
    first.close()
    await expectNoTrace()
  })

  test('while it begins rolls back, and keeps the connection', async () => {
    const events: string[] = []
    const run = port.forRun({ dbMs: 0, httpMs: 0, observe: (_, event) => events.push(event) })
    const backends = await witness.backends()
    for (let i = 0; i < 10; i++) {
      events.length = 0
      doomed(run.openSession, undefined)()
      expect(port.stats().database).toMatchObject({ lent: 1, idle: 0 })
      const next = ask(port.findStock, sku)
      await eventually('it has stopped', () => events.length === 4)
      expect(events).toEqual(['started', 'sent', 'cancelled', 'stopped'])
      expect(await next).toEqual({ sku, onHand: 100 })
    }
    expect(await witness.backends()).toEqual(backends)
    await expectNoTrace()
  })

  test('that races with the beginning leaves no transaction', async () => {
    let opened = 0
    for (let i = 0; i < 100; i++) {
      const cancel = port.openSession(undefined, (_, session) => {
        opened++
        session?.close()
      })
      for (let turns = i % 12; turns > 0; turns--) await turn()
      cancel()
      expect(await ask(port.findStock, sku)).toEqual({ sku, onHand: 100 })
    }
    expect(opened).toBeGreaterThan(0)
    expect(opened).toBeLessThan(100)
    await expectNoTrace()
  })

  test('while it takes stops the statement within 100 ms, and rolls back', async () => {
    const backends = await witness.backends()
    const events: string[] = []
    const observe = (_: string, event: string, id: number) => events.push(`${id} ${event}`)
    const session = await begin(port.forRun({ dbMs: 10_000, httpMs: 0, observe }))
    const cancel = doomed(session.takeStock, { sku, units: 3 })
    await eventually('it sleeps', async () => (await witness.waiting('PgSleep')) === 1)
    const next = ask(port.findStock, sku)
    const start = performance.now()
    cancel()
    cancel()
    session.close()
    expect(await next).toEqual({ sku, onHand: 100 })
    expect(performance.now() - start).toBeLessThan(GONE_MS)
    expect(events.slice(3)).toEqual(['1 started', '1 sent', '1 cancelled', '1 stopped'])
    expect(await witness.backends()).toEqual(backends)
    await expectNoTrace()
  })

  test('while it waits for a lock does so, too', async () => {
    await withLock(async (unlock) => {
      const session = await begin()
      const cancel = doomed(session.takeStock, { sku, units: 3 })
      await eventually('it waits', async () => (await witness.waiting('Lock')) === 1)
      cancel()
      session.close()
      const ms = await eventually('it is gone', () => port.stats().database.idle === 1)
      expect(ms).toBeLessThan(GONE_MS)
      await unlock()
    })
    await expectNoTrace()
  })

  test('that races with the taking leaves nothing taken, nor hits what follows', async () => {
    const run = port.forRun({ dbMs: 1, httpMs: 0 })
    for (let i = 0; i < 100; i++) {
      const session = await begin(run)
      const cancel = session.takeStock({ sku, units: 1 }, () => {})
      await sleep(i % 4)
      cancel()
      session.close()
      expect(await ask(port.findStock, sku)).toEqual({ sku, onHand: 100 })
    }
    await expectNoTrace()
  })

  test('after the taking gives back what was taken', async () => {
    const session = await begin()
    await ask(session.takeStock, { sku, units: 3 })
    expect(await witness.idleInTransaction()).toBe(1)
    session.close()
    await expectNoTrace()
  })

  test('of a taking leaves a session that can only be closed', async () => {
    const session = await begin(port.forRun({ dbMs: 10_000, httpMs: 0 }))
    doomed(session.takeStock, { sku, units: 3 })()
    expect(await failure(session.commit, undefined)).toMatchObject({ name: 'DatabaseError' })
    doomed(session.takeStock, { sku, units: 3 })()
    session.close()
    await expectNoTrace()
  })

  test('of the commit lets it come to its end, and keeps the connection', async () => {
    const backends = await witness.backends()
    const events: string[] = []
    const observe = (_: string, event: string, id: number) => events.push(`${id} ${event}`)
    await withSlowCommit(async () => {
      const session = await begin(port.forRun({ dbMs: 0, httpMs: 0, observe }))
      await ask(session.takeStock, { sku, units: 3 })
      const cancel = doomed(session.commit, undefined)
      await eventually('it commits', async () => (await witness.waiting('PgSleep')) === 1)
      cancel()
      session.close()
      const next = ask(port.findStock, sku)
      await sleep(20)
      expect(await witness.waiting('PgSleep')).toBe(1)
      expect(events.at(-1)).toBe('2 cancelled')
      expect(await next).toEqual({ sku, onHand: 97 })
      expect(events.at(-1)).toBe('2 stopped')
    })
    expect(await witness.backends()).toEqual(backends)
    await expectNoTrace(97)
  })
})

/** Each transaction that has changed the stock takes 200 ms to commit. */
async function withSlowCommit(use: () => Promise<void>) {
  await witness.sql(`
    CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.2); RETURN NULL; END';
    CREATE CONSTRAINT TRIGGER slow AFTER UPDATE ON overlap.stock DEFERRABLE INITIALLY DEFERRED
      FOR EACH ROW EXECUTE FUNCTION slow()`)
  try {
    await use()
  } finally {
    await witness.sql('DROP TRIGGER slow ON overlap.stock; DROP FUNCTION slow()')
  }
}

describe('a backend that is killed', () => {
  const lost = { name: 'DatabaseError' }

  test.for([
    ['taking', async (session: Session) => await failure(session.takeStock, { sku, units: 1 })],
    ['commit', async (session: Session) => await failure(session.commit, undefined)],
  ] as const)('while nothing runs in the session fails its next call, a %s', async ([, fail]) => {
    const session = await begin()
    await ask(session.takeStock, { sku, units: 3 })
    await witness.terminate()
    await eventually('the connection is gone', () => port.stats().database.open === 0)
    expect(await fail(session)).toMatchObject(lost)
    session.close()
    await expectNoTrace()
  })

  test('while nothing runs, and nothing follows, needs no more than a close', async () => {
    const session = await begin()
    await ask(session.takeStock, { sku, units: 3 })
    await witness.terminate()
    session.close()
    await expectNoTrace()
  })

  test('while it takes fails the call', async () => {
    const session = await begin(port.forRun({ dbMs: 10_000, httpMs: 0 }))
    const failed = failure(session.takeStock, { sku, units: 3 })
    await eventually('it sleeps', async () => (await witness.waiting('PgSleep')) === 1)
    await witness.terminate()
    expect(await failed).toMatchObject(lost)
    session.close()
    await expectNoTrace()
  })

  test('while it commits fails the call', async () => {
    await withSlowCommit(async () => {
      const session = await begin()
      await ask(session.takeStock, { sku, units: 3 })
      const failed = failure(session.commit, undefined)
      await eventually('it commits', async () => (await witness.waiting('PgSleep')) === 1)
      await witness.terminate()
      expect(await failed).toMatchObject(lost)
      session.close()
    })
    await expectNoTrace()
  })

  test('while it begins fails the call', async () => {
    const relay = await startRelay(cluster.url)
    const relayed = open(1, relay.url)
    await ask(relayed.findStock, sku)
    relay.loseQueries()
    const failed = failure(relayed.openSession, undefined)
    relay.hangUp()
    expect(await failed).toMatchObject(lost)
    await port.close()
    await expectNoTrace(100, relayed)
    await relayed.close()
    await relay.stop()
  })

  test('at any time leaves no more than poolMax connections', async () => {
    await port.close()
    const crowd = open(4)
    let over = 0
    for (let round = 0; round < 20; round++) {
      const sessions = Promise.allSettled(
        Array.from({ length: 8 }, async () => {
          const session = await begin(crowd)
          await ask(session.takeStock, { sku, units: 1 }).catch(() => {})
          session.close()
        }),
      )
      if (round % 3 === 0) await witness.terminate()
      if ((await witness.connections()) > 4 || crowd.stats().database.open > 4) over++
      await sessions
    }
    expect(over).toBe(0)
    await eventually('nothing is lent', () => crowd.stats().database.lent === 0)
    expect(await witness.idleInTransaction()).toBe(0)
    expect(await witness.onHand(sku)).toBe(100)
    await crowd.close()
  })
})

describe('a client that is gone without a word', () => {
  test('keeps its locks for a minute at most', async () => {
    const client = new PgClient(cluster.url, NAME)
    await client.connect()
    const { rows } = await client.query('SHOW idle_in_transaction_session_timeout')
    expect(rows).toEqual([{ idle_in_transaction_session_timeout: '1min' }])
    await client.end()
  })
})

describe('close of the port', () => {
  test('cuts off a session, wherever it is', async () => {
    const session = await begin()
    await ask(session.takeStock, { sku, units: 3 })
    const waiting = failure(port.openSession, undefined)
    await port.close()
    expect(port.stats().database).toMatchObject({ open: 0, lent: 0, waiting: 0 })
    expect(await waiting).toMatchObject({ message: 'the port is closed' })
    expect(await failure(session.commit, undefined)).toBeInstanceOf(DatabaseError)
    session.close()
    await eventually('it is gone', async () => (await witness.connections()) === 0)
    expect(await witness.onHand(sku)).toBe(100)
    expect(await failure(port.openSession, undefined)).toMatchObject({ message: 'the port is closed' })
  })
})
