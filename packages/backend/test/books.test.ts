import { randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { toPromise, type Port, type Session } from '@overlap/workload'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openPort, startReservationService, type RealPort, type ReservationService } from '../src/index.ts'
import { HttpLines } from '../src/http-lines.ts'
import { Lender } from '../src/lender.ts'
import { Orders } from '../src/orders.ts'
import { PgClient } from '../src/pg-client.ts'
import { useCluster, type Cluster } from './cluster.ts'
import { eventually } from './eventually.ts'
import { startGateway, type Gateway } from './gateway.ts'
import { ask, doomed, failure } from './outcome.ts'
import { startRelay, type Relay } from './relay.ts'
import { watch, type Witness } from './witness.ts'

const NAME = 'books.test'
const sku = 'T-100'
const units = 3
let cluster: Cluster
let service: ReservationService
let witness: Witness
let relay: Relay
let gateway: Gateway
let port: RealPort

beforeAll(async () => {
  ;[cluster, service] = await Promise.all([useCluster(), startReservationService()])
  ;[witness, relay, gateway] = await Promise.all([
    watch(cluster.url, NAME),
    startRelay(cluster.url),
    startGateway(service.url),
  ])
})
afterAll(async () => {
  await Promise.all([relay.stop(), gateway.stop(), witness.leave()])
  await Promise.all([cluster.stop(), service.stop()])
})
beforeEach(async () => {
  gateway.intercept = () => undefined
  gateway.methods.length = 0
  port = openPort({
    databaseUrl: relay.url,
    upstreamUrls: [gateway.url],
    poolMax: 2,
    applicationName: NAME,
  })
  await port.prepare()
  await witness.sql(`UPDATE overlap.stock SET on_hand = 100 - ${confirmed()} WHERE sku = '${sku}'`)
})
afterEach(() => port.close())

const confirmed = () => service.ledger.units[sku] ?? 0

async function settled() {
  await eventually('the books are kept', () => port.stats().orders.unsettled === 0)
}

/** The units that have been sold since `before`, on which both sides must agree. */
async function expectSold(sold: number, before: number) {
  await settled()
  await eventually('nothing is lent', () => port.stats().database.lent === 0)
  expect(await witness.idleInTransaction()).toBe(0)
  expect({ confirmed: confirmed() - before, taken: 100 - before - (await witness.onHand(sku)) }).toEqual({
    confirmed: sold,
    taken: sold,
  })
}

/** Up to the commit. */
async function confirmedSession(of = sku): Promise<Session> {
  const session = await ask(port.openSession, undefined)
  await ask(session.takeStock, { sku: of, units })
  await ask(port.confirmOrder, { order: session.order, sku: of, units })
  return session
}

/** As the styles do it. */
async function transact(from: Port, howMany: number, signal: AbortSignal): Promise<void> {
  const session = await toPromise<Session>((done) => from.openSession(undefined, done), signal)
  try {
    await toPromise((done) => session.takeStock({ sku, units: howMany }, done), signal)
    const order = { order: session.order, sku, units: howMany }
    await toPromise((done) => from.confirmOrder(order, done), signal)
    await toPromise((done) => session.commit(undefined, done), signal)
  } finally {
    session.close()
  }
}

describe('a confirmation', () => {
  test('stays when the transaction is committed, and nothing is withdrawn', async () => {
    const before = confirmed()
    const session = await confirmedSession()
    await ask(session.commit, undefined)
    session.close()
    await expectSold(units, before)
    expect(gateway.methods).toEqual(['POST'])
  })

  test('is withdrawn when the session is closed without a commit', async () => {
    const before = confirmed()
    const session = await confirmedSession()
    expect(confirmed() - before).toBe(units)
    expect(port.stats().orders.unsettled).toBe(0)
    session.close()
    expect(port.stats().orders.unsettled).toBe(1)
    await expectSold(0, before)
  })

  test('that was never asked for is not withdrawn', async () => {
    const session = await ask(port.openSession, undefined)
    await ask(session.takeStock, { sku, units })
    session.close()
    expect(port.stats().orders.unsettled).toBe(0)
    await expectSold(0, confirmed())
    expect(gateway.methods).toEqual([])
  })

  test('that fails is withdrawn: nobody knows how far it came', async () => {
    const before = confirmed()
    const session = await ask(port.openSession, undefined)
    gateway.intercept = (method) => (method === 'POST' ? 502 : undefined)
    expect(await failure(port.confirmOrder, { order: session.order, sku, units })).toMatchObject({
      status: 502,
    })
    session.close()
    await expectSold(0, before)
    expect(gateway.methods).toEqual(['POST', 'DELETE'])
  })

  test('that is cancelled while the service works never comes', async () => {
    const before = confirmed()
    const run = port.forRun({ dbMs: 0, httpMs: 100 })
    const session = await ask(run.openSession, undefined)
    await ask(session.takeStock, { sku, units })
    const cancel = doomed(run.confirmOrder, { order: session.order, sku, units })
    await eventually('the service works', () => service.ledger.openRequests === 1)
    cancel()
    session.close()
    await sleep(150)
    await expectSold(0, before)
  })

  test('that arrives after its withdrawal is refused', async () => {
    const before = confirmed()
    const session = await ask(port.openSession, undefined)
    const order = { order: session.order, sku, units }
    doomed(port.confirmOrder, order)()
    session.close()
    await settled()
    const late = await fetch(`${service.url}/orders`, { method: 'POST', body: JSON.stringify(order) })
    expect(late.status).toBe(409)
    await expectSold(0, before)
  })

  test.for([503, 500, 302])('whose withdrawal is answered with %i is withdrawn again', async (status) => {
    const before = confirmed()
    const session = await confirmedSession()
    let failures = 3
    gateway.intercept = () => (failures-- > 0 ? status : undefined)
    session.close()
    await expectSold(0, before)
    expect(gateway.methods).toEqual(['POST', 'DELETE', 'DELETE', 'DELETE', 'DELETE'])
  })

  test.for([204, 404, 410])('that nobody knows, says %i, needs no withdrawal', async (status) => {
    const session = await ask(port.openSession, undefined)
    gateway.intercept = () => status
    await failure(port.confirmOrder, { order: session.order, sku, units })
    session.close()
    await expectSold(0, confirmed())
    expect(gateway.methods).toEqual(['POST', 'DELETE'])
  })

  test('is withdrawn when the service cannot be reached at first', async () => {
    const before = confirmed()
    const session = await confirmedSession()
    const { port: number } = new URL(gateway.url)
    await gateway.stop()
    session.close()
    await sleep(50)
    expect(port.stats().orders.unsettled).toBe(1)
    gateway = await startGateway(service.url, Number(number))
    await expectSold(0, before)
  })

  test('is withdrawn when the backend is killed after it', async () => {
    const before = confirmed()
    const session = await confirmedSession()
    await witness.terminate()
    await failure(session.commit, undefined)
    session.close()
    await expectSold(0, before)
  })

  test('is withdrawn when the database has given the transaction up', async () => {
    const before = confirmed()
    const session = await confirmedSession()
    await failure(session.takeStock, { sku: '\u0000', units })
    await failure(session.commit, undefined)
    session.close()
    await expectSold(0, before)
  })
})

describe('a commit whose answer is lost', () => {
  test('has come to pass: the confirmation stays', async () => {
    const before = confirmed()
    const session = await confirmedSession()
    relay.loseAnswers()
    const failed = failure(session.commit, undefined)
    await eventually('it is committed', async () => (await witness.onHand(sku)) === 100 - before - units)
    relay.hangUp()
    expect(await failed).toMatchObject({ name: 'DatabaseError', code: 'ECONNRESET' })
    session.close()
    await expectSold(units, before)
    expect(gateway.methods).toEqual(['POST'])
  })

  test('has not come to pass: the confirmation is withdrawn', async () => {
    const before = confirmed()
    const session = await confirmedSession()
    relay.loseQueries()
    const failed = failure(session.commit, undefined)
    relay.hangUp()
    expect(await failed).toMatchObject({ name: 'DatabaseError', code: 'ECONNRESET' })
    session.close()
    await expectSold(0, before)
    expect(gateway.methods).toEqual(['POST', 'DELETE'])
  })

  test('is not decided yet: the confirmation is withdrawn once it is', async () => {
    const before = confirmed()
    const session = await confirmedSession()
    relay.linger()
    relay.loseQueries()
    const failed = failure(session.commit, undefined)
    relay.hangUp()
    await failed
    session.close()
    await sleep(100)
    expect(port.stats().orders.unsettled).toBe(1)
    expect(gateway.methods).toEqual(['POST'])
    relay.hangUpBehind()
    await expectSold(0, before)
    expect(gateway.methods).toEqual(['POST', 'DELETE'])
  })

  test('is not decided yet: the confirmation stays once it is', async () => {
    const before = confirmed()
    await witness.sql(SLOW_COMMIT)
    const session = await confirmedSession()
    relay.linger()
    const failed = failure(session.commit, undefined)
    await eventually('it commits', async () => (await witness.waiting('PgSleep')) === 1)
    relay.hangUp()
    await failed
    session.close()
    await sleep(100)
    expect(port.stats().orders.unsettled).toBe(1)
    await expectSold(units, before)
    expect(gateway.methods).toEqual(['POST'])
    relay.hangUpBehind()
    await witness.sql('DROP FUNCTION slow() CASCADE')
  })

  test('is found out though it was cancelled: it costs the connection after 2 s, as a rollback does', async () => {
    const before = confirmed()
    const session = await confirmedSession()
    const other = await confirmedSession('A-20')
    relay.loseAnswers()
    doomed(session.commit, undefined)()
    session.close()
    other.close()
    await eventually('it is committed', async () => (await witness.onHand(sku)) === 100 - before - units)
    await sleep(1_000)
    expect(port.stats().orders.unsettled).toBe(1)
    expect(port.stats().database).toMatchObject({ open: 2, lent: 2 })
    await expectSold(units, before)
    expect(await witness.onHand('A-20')).toBe(20)
    expect(service.ledger.units).not.toHaveProperty('A-20')
    expect(gateway.methods).toEqual(['POST', 'POST', 'DELETE'])
    await eventually('the connections are gone', async () => (await witness.connections()) <= 1)
  })
})

/** Each transaction that has changed the stock takes 300 ms to commit. */
const SLOW_COMMIT = `
  CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.3); RETURN NULL; END';
  CREATE CONSTRAINT TRIGGER slow AFTER UPDATE ON overlap.stock DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION slow()`

describe('close of the port', () => {
  test('settles what its sessions have left, and what it has cut off', async () => {
    const before = confirmed()
    let refused = 2
    gateway.intercept = (method) => (method === 'DELETE' && refused-- > 0 ? 503 : undefined)
    const left = await confirmedSession()
    await confirmedSession('A-20')
    expect(service.ledger.units).toHaveProperty('A-20')
    left.close()
    await port.close()
    expect(port.stats()).toMatchObject({
      database: { open: 0 },
      http: { sockets: 0 },
      orders: { unsettled: 0 },
    })
    expect(service.ledger.units).not.toHaveProperty('A-20')
    await expectSold(0, before)
    await eventually('no connection is left', async () => (await witness.connections()) === 0)
  })

  test('asks what has become of a commit that it has cut off', async () => {
    const before = confirmed()
    const session = await confirmedSession()
    relay.loseAnswers()
    const failed = failure(session.commit, undefined)
    await eventually('it is committed', async () => (await witness.onHand(sku)) === 100 - before - units)
    await port.close()
    await failed
    await expectSold(units, before)
    session.close()
    expect(gateway.methods).toEqual(['POST'])
  })

  test('does not wait for ever', async () => {
    const origin = 'http://127.0.0.1:1'
    const lender = new Lender(1, () => new PgClient(cluster.url, NAME))
    const means = { lender, service: { origin, basePath: '', lines: new HttpLines(origin) } }
    const orders = new Orders(means)
    const deal = orders.open('o-1')
    orders.confirming('o-1')
    orders.end(deal)
    const start = performance.now()
    await orders.close(() => means, 200)
    expect(performance.now() - start).toBeGreaterThan(199)
    await sleep(20)
    expect(orders.unsettled).toBe(1)
    await Promise.all([lender.close(), means.service.lines.close()])
  })
})

describe('500 orders for the last 100 units', () => {
  test('sell no more than there are, and the books balance', { timeout: 30_000 }, async () => {
    const before = confirmed()
    await port.close()
    port = openPort({
      databaseUrl: cluster.url,
      upstreamUrls: [service.url],
      poolMax: 20,
      applicationName: NAME,
    })
    await witness.sql(`UPDATE overlap.stock SET on_hand = 100 WHERE sku = '${sku}'`)
    const outcomes = new Map<string, number>()
    let most = 0
    let looks = 0
    const sold = new AbortController()
    const spectator = await watch(cluster.url, NAME)
    const looking = (async () => {
      while (!sold.signal.aborted) {
        most = Math.max(most, await spectator.connections())
        if (++looks % 10 === 0)
          await spectator.sql(`SELECT pg_terminate_backend(${(await spectator.backends())[0] ?? 0})`)
        await sleep(5)
      }
      await spectator.leave()
    })()
    let receipts = 0
    await Promise.all(
      Array.from({ length: 500 }, async (_, i) => {
        const leave = new AbortController()
        const run = port.forRun({
          dbMs: i % 3,
          httpMs: randomInt(4),
          failures: i % 7 === 0 ? 1 : 0,
        })
        const howMany = 1 + (i % 2)
        if (i % 3 === 0) setTimeout(() => leave.abort(new Error('gone')), randomInt(500))
        const outcome = await transact(run, howMany, leave.signal).then(
          () => {
            receipts += howMany
            return 'sold'
          },
          (error: Error) => error.name,
        )
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
      }),
    )
    sold.abort()
    await looking
    await settled()
    await eventually('nothing is lent', () => port.stats().database.lent === 0)
    const left = await witness.onHand(sku)
    const inTheEnd = confirmed() - before
    expect(left).toBe(100 - inTheEnd)
    expect(receipts).toBeGreaterThan(0)
    // A commit may have come to pass though its caller had left, or was told otherwise.
    expect(inTheEnd).toBeGreaterThanOrEqual(receipts)
    expect(inTheEnd).toBeLessThanOrEqual(100)
    expect(most).toBeLessThanOrEqual(20)
    expect([...outcomes.keys()]).toEqual(
      expect.arrayContaining(['sold', 'Error', 'HttpError', 'OutOfStockError']),
    )
    expect(await witness.idleInTransaction()).toBe(0)
  })
})
