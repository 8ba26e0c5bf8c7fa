/** What happens to a port when its database goes away and comes back: always with clusters of its own. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { DatabaseError } from '@overlap/workload'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { openPort, startPostgres, type Postgres, type RealPort } from '../src/index.ts'
import { listenTo } from './ear.ts'
import { eventually, GONE_MS } from './eventually.ts'
import { ask, doomed, failure } from './outcome.ts'
import { startRawServer } from './raw-server.ts'

const NOWHERE = 'http://127.0.0.1:1'
/** Where its Unix socket lies: short, and open to whomever Postgres runs as. */
const sockets = mkdtempSync(path.join(os.tmpdir(), 'overlap-test-'))
chmodSync(sockets, 0o777)

/** Where the cluster listens whenever it runs; each test leaves it running for the next. */
let databasePort: number
let postgres: Postgres | undefined
let port: RealPort

beforeAll(async () => {
  const taken = await startRawServer(() => {})
  databasePort = taken.port
  await taken.stop()
})
afterAll(async () => {
  await postgres?.stop()
  rmSync(sockets, { recursive: true })
})
afterEach(() => port.close())

async function start() {
  postgres ??= await startPostgres({
    port: databasePort,
    flags: ['-c', `unix_socket_directories=${sockets}`],
  })
  return postgres
}

describe('a port whose database', { timeout: 30_000 }, () => {
  test('is down fails clearly, each call once, and works once it is up', async () => {
    await postgres?.stop()
    postgres = undefined
    const databaseUrl = `postgres://postgres@127.0.0.1:${databasePort}/postgres`
    port = openPort({ databaseUrl, upstreamUrls: [NOWHERE], poolMax: 2 })
    const errors = await Promise.all(Array.from({ length: 7 }, () => failure(port.findStock, 'A-42')))
    for (const error of errors) {
      expect(error).toBeInstanceOf(DatabaseError)
      expect(error).toMatchObject({ code: 'ECONNREFUSED', message: 'the database refused the connection' })
    }
    await expect(port.prepare()).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    await expect(port.check()).rejects.toMatchObject({ code: 'ECONNREFUSED' })

    await start()
    await port.prepare()
    expect(await ask(port.findStock, 'A-42')).toMatchObject({ onHand: 42 })
  })

  test('is reached over a Unix socket is asked to cancel over it as well', async () => {
    await start()
    const databaseUrl = `postgres://postgres@/postgres?host=${sockets}&port=${databasePort}`
    port = openPort({ databaseUrl, upstreamUrls: [NOWHERE], poolMax: 1 })
    await port.prepare()
    const cancel = doomed(port.forRun({ dbMs: 10_000, httpMs: 0 }).findStock, 'A-42')
    const next = ask(port.findStock, 'A-42')
    const cancelledAt = performance.now()
    cancel()
    expect(await next).toMatchObject({ onHand: 42 })
    expect(performance.now() - cancelledAt).toBeLessThan(GONE_MS)
    expect(port.stats().database.open).toBe(1)
  })

  test.for([
    ['stops fast', 'SIGINT'],
    ['stops at once', 'SIGQUIT'],
  ] as const)('%s fails what runs, drops what is idle, and recovers with it', async ([, signal]) => {
    const before = await start()
    port = openPort({ databaseUrl: before.url, upstreamUrls: [NOWHERE], poolMax: 3 })
    await port.prepare()
    const warm = port.forRun({ dbMs: 20, httpMs: 0 })
    await Promise.all([1, 2, 3].map(() => ask(warm.findStock, 'A-42')))
    const slow = port.forRun({ dbMs: 10_000, httpMs: 0 })
    const running = failure(slow.findStock, 'A-42')
    await eventually('it runs', () => port.stats().database.lent === 1)
    await eventually('the others are idle', () => port.stats().database.idle === 2)

    process.kill(before.pid, signal)
    const error = await running
    expect(error).toBeInstanceOf(DatabaseError)
    expect(error).toHaveProperty('code', expect.stringMatching(/^57P0[12]$|^ECONNRESET$/))
    await eventually('every connection is dropped', () => port.stats().database.open === 0)
    await before.stop()
    expect(await failure(port.findStock, 'A-42')).toMatchObject({ code: 'ECONNREFUSED' })

    postgres = undefined
    await start()
    await port.prepare()
    const answers = await Promise.all([1, 2, 3, 4].map(() => ask(port.findStock, 'A-42')))
    expect(answers).toHaveLength(4)
  })
  test('is down for a while keeps who listens waiting, and tells them once that it is back', async () => {
    const before = await start()
    port = openPort({ databaseUrl: before.url, upstreamUrls: [NOWHERE], poolMax: 1 })
    const ears = ['a', 'a', 'b'].map((channel) => listenTo(port, channel))
    await Promise.all(ears.map((ear) => ear.listens()))
    for (const signal of ['SIGINT', 'SIGQUIT'] as const) {
      process.kill((await start()).pid, signal)
      await eventually('it is lost', () => port.stats().channels === 0)
      await postgres?.stop()
      const late = listenTo(port, 'a')
      await eventually('who comes now is told', () => late.error !== undefined)
      postgres = undefined
      await start()
      await Promise.all(ears.map((ear) => ear.hears(null)))
      await port.notify('a', signal)
      await port.notify('b', signal)
      await Promise.all(ears.map((ear) => ear.hears(signal)))
    }
    for (const ear of ears) {
      expect(ear.texts).toEqual([null, 'SIGINT', null, 'SIGQUIT'])
      expect(ear.events).toEqual(['started', 'sent'])
    }
    expect(port.stats()).toMatchObject({ channels: 2, channelConnections: 1 })
  })
})
