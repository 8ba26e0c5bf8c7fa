/** The port with fault proxies between it and what is behind it. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  openPort,
  startFaultProxy,
  startReservationService,
  type FaultProxy,
  type RealPort,
  type ReservationService,
} from '../src/index.ts'
import { useCluster, type Cluster } from './cluster.ts'
import { eventually, GONE_MS } from './eventually.ts'
import { ask, doomed, failure } from './outcome.ts'
import { watch, type Witness } from './witness.ts'

const NAME = 'faults-behind-port.test'
const HOUR_MS = 3_600_000

let cluster: Cluster
let service: ReservationService
let witness: Witness
let postgres: FaultProxy
let http: FaultProxy
let port: RealPort

/** A proxy to where the URL leads, and the URL by way of it. */
async function relay(url: string, defaultPort: number) {
  const { hostname, port: number } = new URL(url)
  const proxy = await startFaultProxy({ upstream: { host: hostname, port: Number(number || defaultPort) } })
  const relayed = new URL(url)
  relayed.host = `127.0.0.1:${proxy.port}`
  return [proxy, relayed.href] as const
}

beforeAll(async () => {
  ;[cluster, service] = await Promise.all([useCluster(), startReservationService()])
  witness = await watch(cluster.url, NAME)
})
afterAll(async () => {
  await witness.leave()
  await Promise.all([cluster.stop(), service.stop()])
})
beforeEach(async () => {
  const [[toPostgres, databaseUrl], [toService, upstreamUrl]] = await Promise.all([
    relay(cluster.url, 5432),
    relay(service.url, 80),
  ])
  postgres = toPostgres
  http = toService
  port = openPort({ databaseUrl, upstreamUrls: [upstreamUrl], poolMax: 1, applicationName: NAME })
  await port.prepare()
})
afterEach(async () => {
  await port.close()
  await Promise.all([postgres.stop(), http.stop()])
})

const bothWays = (toxic: { type: 'slicer'; attributes: { average_size: number; delay: number } }) => [
  { ...toxic, stream: 'upstream' } as const,
  { ...toxic, stream: 'downstream' } as const,
]

test('queries and requests go through, also byte by byte', async () => {
  expect(await ask(port.findStock, 'A-42')).toMatchObject({ onHand: 42 })
  expect(await ask(port.fetchReservation, 'A-42')).toMatchObject({ reserved: 2 })
  expect([postgres.connections, http.connections]).toEqual([1, 1])
  for (const proxy of [postgres, http])
    proxy.setToxics(bothWays({ type: 'slicer', attributes: { average_size: 1, delay: 100 } }))
  expect(await ask(port.findStock, 'A-42')).toMatchObject({ onHand: 42 })
  expect(await ask(port.fetchReservation, 'A-42')).toMatchObject({ reserved: 2 })
})

test('latency makes calls slower, also over connections that were there before', async () => {
  for (const [proxy, call] of [
    [postgres, port.findStock],
    [http, port.fetchReservation],
  ] as const) {
    await ask<string, unknown, Error>(call, 'A-42')
    proxy.setToxics([{ type: 'latency', attributes: { latency: 200 } }])
    const startedAt = performance.now()
    await ask<string, unknown, Error>(call, 'A-42')
    expect(performance.now() - startedAt).toBeGreaterThan(199)
  }
})

describe('a cancel', () => {
  test('of a query goes through the proxy too, and as late as the toxics make it', async () => {
    const cancel = doomed(port.forRun({ dbMs: 10_000, httpMs: 0 }).findStock, 'A-42')
    await eventually('the query runs', async () => (await witness.running()) === 1)
    postgres.setToxics([{ type: 'latency', stream: 'upstream', attributes: { latency: 300 } }])
    const startedAt = performance.now()
    cancel()
    await eventually('a second connection is there', () => postgres.connections === 2)
    await eventually('the query is gone', async () => (await witness.running()) === 0)
    expect(performance.now() - startedAt).toBeGreaterThan(299)
    await eventually('the connection is idle', () => port.stats().database.idle === 1)
    expect(await ask(port.findStock, 'A-42')).toMatchObject({ onHand: 42 })
  })

  test('of a query that nobody can hear of costs the connection, and the query ends all the same', async () => {
    const cancel = doomed(port.forRun({ dbMs: 10_000, httpMs: 0 }).findStock, 'A-42')
    await eventually('the query runs', async () => (await witness.running()) === 1)
    postgres.setToxics([{ type: 'timeout', stream: 'upstream', attributes: { timeout: 0 } }])
    cancel()
    // 2 s, in which it might still settle.
    await eventually('the connection is gone', () => port.stats().database.open === 0)
    const ms = await eventually('the query is gone', async () => (await witness.running()) === 0)
    expect(ms).toBeLessThan(GONE_MS)
    postgres.setToxics([])
    expect(await ask(port.findStock, 'A-42')).toMatchObject({ onHand: 42 })
  })

  test('of a request closes its socket on the other side of the proxy too', async () => {
    const other = doomed(port.forRun({ dbMs: 0, httpMs: 10_000 }).fetchReservation, 'A-1')
    const cancel = doomed(port.forRun({ dbMs: 0, httpMs: 10_000 }).fetchReservation, 'A-42')
    await eventually('both are there', () => service.ledger.openRequests === 2)
    cancel()
    const ms = await eventually('one is gone', () => service.ledger.openRequests === 1)
    expect(ms).toBeLessThan(GONE_MS)
    other()
  })
})

describe('calls', () => {
  const callBoth = () => [failure(port.findStock, 'A-42'), failure(port.fetchReservation, 'A-42')]

  async function expectHealth() {
    expect(await ask(port.findStock, 'A-42')).toMatchObject({ onHand: 42 })
    expect(await ask(port.fetchReservation, 'A-42')).toMatchObject({ reserved: 2 })
  }

  test('whose connections are reset fail, and the next ones heal', async () => {
    for (const proxy of [postgres, http])
      proxy.setToxics([{ type: 'reset_peer', stream: 'upstream', attributes: { timeout: 0 } }])
    expect(await Promise.all(callBoth())).toMatchObject([
      { name: 'DatabaseError', code: 'ECONNRESET' },
      { name: 'HttpError', code: 'ECONNRESET' },
    ])
    for (const proxy of [postgres, http]) proxy.setToxics([])
    await expectHealth()
  })

  test('fail while it is down, those under way too, and the next ones heal', async () => {
    const slow = port.forRun({ dbMs: 10_000, httpMs: 10_000 })
    const underWay = [failure(slow.findStock, 'A-42'), failure(slow.fetchReservation, 'A-42')]
    await eventually(
      'both run',
      async () => (await witness.running()) === 1 && service.ledger.openRequests === 1,
    )
    for (const proxy of [postgres, http]) await proxy.disable()
    const errors = await Promise.all(underWay)
    expect(errors.map(({ name }) => name)).toEqual(['DatabaseError', 'HttpError'])
    expect(await Promise.all(callBoth())).toMatchObject([
      { name: 'DatabaseError', code: 'ECONNREFUSED' },
      { name: 'HttpError', code: 'ECONNREFUSED' },
    ])
    for (const proxy of [postgres, http]) await proxy.enable()
    await expectHealth()
    await eventually('nothing of them is left', () => service.ledger.openRequests === 0)
  })
})

test('a port whose connections hear nothing any more is closed all the same', async () => {
  doomed(port.forRun({ dbMs: 10_000, httpMs: 0 }).findStock, 'A-42')()
  for (const proxy of [postgres, http])
    proxy.setToxics([
      { type: 'timeout', stream: 'upstream', attributes: { timeout: 0 } },
      { type: 'slow_close', attributes: { delay: HOUR_MS } },
    ])
  await port.close()
  expect(port.stats().database.open).toBe(0)
})
