import { afterAll, beforeAll, beforeEach, afterEach, describe, expect, test } from 'vitest'
import {
  openPort,
  startReservationService,
  type RealPort,
  type ReservationService,
  type RunOptions,
} from '../src/index.ts'
import { runScript } from './child.ts'
import { useCluster, type Cluster } from './cluster.ts'
import { eventually, GONE_MS } from './eventually.ts'
import { ask, doomed, failure } from './outcome.ts'
import { watch, type Witness } from './witness.ts'

const NAME = 'port.test'
let cluster: Cluster
let service: ReservationService
let witness: Witness
let port: RealPort
let events: string[]

beforeAll(async () => {
  ;[cluster, service] = await Promise.all([useCluster(), startReservationService()])
  witness = await watch(cluster.url, NAME)
})
afterAll(async () => {
  await witness.leave()
  await Promise.all([cluster.stop(), service.stop()])
})
beforeEach(async () => {
  events = []
  port = openPort({
    databaseUrl: cluster.url,
    upstreamUrls: [service.url],
    poolMax: 1,
    applicationName: NAME,
  })
  await port.prepare()
})
afterEach(() => port.close())

function watched(dbMs: number, httpMs: number) {
  return port.forRun({ dbMs, httpMs, observe: (call, event) => events.push(`${call} ${event}`) })
}

async function bothRun() {
  await eventually('the query runs', async () => (await witness.running()) === 1)
  await eventually('the service works', () => service.ledger.openRequests === 1)
}

describe('two calls at the same time', () => {
  test('take as long as the slower one, and do not wait for each other', async () => {
    const run = watched(60, 60)
    const start = performance.now()
    await Promise.all([ask(run.findStock, 'A-42'), ask(run.fetchReservation, 'A-42')])
    expect(performance.now() - start).toBeGreaterThan(59)
    expect(events.slice(0, 2)).toEqual(['findStock started', 'findStock sent'])
    expect(events.indexOf('fetchReservation sent')).toBeLessThan(4)
  })

  test('once the database has failed: the request is gone within 100 ms of its cancel', async () => {
    const run = watched(10_000, 10_000)
    const failed = failure(run.findStock, 'A-42')
    const cancel = doomed(run.fetchReservation, 'A-42')
    await bothRun()
    const [pid] = await witness.backends()
    await witness.sql(`SELECT pg_terminate_backend(${pid})`)
    await failed
    cancel()
    const ms = await eventually('the request is gone', () => service.ledger.openSockets === 0)
    expect(ms).toBeLessThan(GONE_MS)
    await eventually('it has stopped', () => events.at(-1) === 'fetchReservation stopped')
  })

  test('once the service has failed: the query is gone within 100 ms of its cancel, though others wait', async () => {
    const own = await startReservationService()
    const other = openPort({
      databaseUrl: cluster.url,
      upstreamUrls: [own.url],
      poolMax: 1,
      applicationName: NAME,
    })
    const run = other.forRun({ dbMs: 10_000, httpMs: 10_000 })
    const failed = failure(run.fetchReservation, 'A-42')
    const cancel = doomed(run.findStock, 'A-42')
    const waiting = Array.from({ length: 20 }, () => doomed(run.findStock, 'A-42'))
    await eventually('the query runs', async () => (await witness.running()) === 1)
    await own.stop()
    expect(await failed).toMatchObject({ name: 'HttpError' })
    for (const leave of [cancel, ...waiting]) leave()
    const ms = await eventually('the query is gone', async () => (await witness.running()) === 0)
    expect(ms).toBeLessThan(GONE_MS)
    await other.close()
  })

  test('are both gone within 100 ms when both are cancelled', async () => {
    const run = watched(10_000, 10_000)
    const cancels = [doomed(run.findStock, 'A-42'), doomed(run.fetchReservation, 'A-42')]
    await bothRun()
    for (const cancel of cancels) cancel()
    const ms = await eventually(
      'both are gone',
      async () => service.ledger.openSockets === 0 && (await witness.running()) === 0,
    )
    expect(ms).toBeLessThan(GONE_MS)
    await eventually(
      'both have stopped',
      () => events.filter((event) => event.endsWith('stopped')).length === 2,
    )
    expect(port.stats()).toEqual({
      database: { max: 1, open: 1, idle: 1, lent: 0, connecting: 0, waiting: 0, waitMs: 0 },
      http: { requests: 0, sockets: 0, idle: 0 },
      channels: 0,
      channelConnections: 0,
      orders: { unsettled: 0 },
      workers: { running: 0, waiting: 0 },
    })
  })
})

describe('observe', () => {
  test('is told of a query in order: succeeded, failed, cancelled', async () => {
    await ask(watched(0, 0).findStock, 'A-42')
    expect(events.splice(0)).toEqual(['findStock started', 'findStock sent', 'findStock succeeded'])
    await failure(watched(0, 0).findStock, 'nope')
    expect(events.splice(0)).toEqual(['findStock started', 'findStock sent', 'findStock failed'])
    const cancel = doomed(watched(10_000, 0).findStock, 'A-42')
    cancel()
    expect(events).toEqual(['findStock started', 'findStock sent', 'findStock cancelled'])
    await eventually('it has stopped', () => events.length === 4)
    expect(events.splice(0)[3]).toBe('findStock stopped')
    expect(await witness.running()).toBe(0)
  })

  test('is told before the callback is called', async () => {
    await new Promise<void>((resolve) => {
      watched(0, 0).findStock('A-42', () => {
        events.push('done')
        resolve()
      })
    })
    expect(events).toEqual(['findStock started', 'findStock sent', 'findStock succeeded', 'done'])
  })

  test('may cancel a call that has just settled, and does not hit the one that follows', async () => {
    let cancel = () => {}
    const run = port.forRun({
      dbMs: 0,
      httpMs: 0,
      observe(_, event) {
        events.push(event)
        if (events.length === 4) cancel()
      },
    })
    cancel = doomed(run.findStock, 'A-42')
    expect(await ask(run.findStock, 'A-42')).toMatchObject({ onHand: 42 })
    expect(events.join(' ')).toBe('started sent started sent cancelled stopped succeeded')
  })

  test('of one run hears nothing of another', async () => {
    const quiet = port.forRun({ dbMs: 0, httpMs: 0 })
    await Promise.all([ask(quiet.findStock, 'A-42'), ask(quiet.fetchReservation, 'A-42')])
    expect(events).toEqual([])
  })
})

describe('a view', () => {
  const atOnce = { dbMs: 0, httpMs: 0 }

  test('is shared by runs that ask for the same', () => {
    const view = port.forRun(atOnce)
    expect(port.forRun({ ...atOnce, replicaMs: [], failures: 0, dbFails: false, httpFails: false })).toBe(
      view,
    )
  })

  test.for<[string, RunOptions]>([
    ['takes longer in the database', { dbMs: 1, httpMs: 0 }],
    ['takes longer in the service', { dbMs: 0, httpMs: 1 }],
    ['takes longer in a replica', { ...atOnce, replicaMs: [1] }],
    ['fails in the database', { ...atOnce, dbFails: true }],
    ['fails in the service', { ...atOnce, httpFails: true }],
    ['fails at first', { ...atOnce, failures: 1 }],
    ['is watched', { ...atOnce, observe: () => {} }],
  ])('is shared with none that %s', ([, options]) => {
    const view = port.forRun(atOnce)
    expect(port.forRun(options)).not.toBe(view)
    expect(port.forRun(atOnce)).not.toBe(port.forRun(options))
  })

  test.for<RunOptions>([
    { ...atOnce, failures: 1 },
    { ...atOnce, observe: () => {} },
  ])('that holds state is that of one run: %o', (options) => {
    expect(port.forRun(options)).not.toBe(port.forRun(options))
  })
})

describe('check', () => {
  test('resolves when both answer, and tells which one does not', async () => {
    await port.check()
    const { url } = await startReservationService().then(async (gone) => {
      await gone.stop()
      return gone
    })
    const other = openPort({ databaseUrl: cluster.url, upstreamUrls: [url], poolMax: 1 })
    await expect(other.check()).rejects.toMatchObject({ name: 'HttpError', code: 'ECONNREFUSED' })
    await other.close()
  })
})

describe('a process', () => {
  test('ends by itself once it has closed its port', async () => {
    const child = await runScript(`
      const options = { databaseUrl: ${JSON.stringify(cluster.url)}, upstreamUrls: ['${service.url}'], poolMax: 3 }
      const port = openPort(options)
      await port.prepare()
      const run = port.forRun({ dbMs: 20, httpMs: 20 })
      let answers = 0
      for (let i = 0; i < 10; i++) {
        const cancels = [run.findStock('A-42', () => answers++), run.fetchReservation('A-42', () => answers++)]
        run.openSession(undefined, (_, session) => session?.close())
        if (i % 2) setTimeout(() => cancels.forEach((cancel) => cancel()), i * 2)
      }
      await new Promise((resolve) => setTimeout(resolve, 200))
      await port.close()
      tell({ answers })
    `)
    expect(Number((await child.told)['answers'])).toBeGreaterThanOrEqual(10)
    expect(await child.exit).toBe(0)
  })
})
