/** What is never answered: nothing but the port's own patience ends these calls. */
import type { Socket } from 'node:net'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openPort, type RealPort } from '../src/index.ts'
import { useCluster, type Cluster } from './cluster.ts'
import { eventually } from './eventually.ts'
import { ask, failure } from './outcome.ts'
import { startRawServer, type RawServer } from './raw-server.ts'
import { startRelay, type Relay } from './relay.ts'
import { watch, type Witness } from './witness.ts'

const NAME = `overlap-answer-timeout-${process.pid}`
/** Short, but long enough for a busy machine to answer in. */
const TIMEOUT_MS = 500
const HEALTHY = '{"sku":"A-42","reserved":2}'

let cluster: Cluster
let witness: Witness
let relay: Relay
let service: RawServer
let handle: (socket: Socket) => void
let port: RealPort

beforeAll(async () => {
  cluster = await useCluster()
  const first = openPort({ databaseUrl: cluster.url, upstreamUrls: ['http://127.0.0.1:1'], poolMax: 1 })
  await first.prepare()
  await first.close()
  witness = await watch(cluster.url, NAME)
  service = await startRawServer((socket) => socket.on('data', () => handle(socket)))
})
afterAll(async () => {
  await witness.leave()
  await service.stop()
  await cluster.stop()
})
beforeEach(async () => {
  relay = await startRelay(cluster.url)
  port = open(relay.url)
})
afterEach(async () => {
  await port.close()
  await relay.stop()
})

function open(databaseUrl: string) {
  return openPort({
    databaseUrl,
    upstreamUrls: [service.url],
    poolMax: 2,
    applicationName: NAME,
    answerTimeoutMs: TIMEOUT_MS,
  })
}

/** Fails unless the call took at least as long as an answer may. */
async function late(call: () => Promise<Error>) {
  const start = performance.now()
  const error = await call()
  // A timer may be early by the part of a millisecond that the loop's clock leaves out.
  expect(performance.now() - start).toBeGreaterThan(TIMEOUT_MS - 2)
  return error
}

const isGone = () => eventually('Postgres runs nothing', async () => (await witness.running()) === 0)

describe('a query', () => {
  test.for(['loseAnswers', 'loseQueries'] as const)(
    'that a network leaves unanswered (%s) fails, and its connection is replaced',
    async (fault) => {
      await ask(port.findStock, 'A-42')
      relay[fault]()
      const error = await late(() => failure(port.findStock, 'A-42'))
      expect(error).toMatchObject({ name: 'DatabaseError', code: 'ETIMEDOUT', kind: 'late' })
      expect(error.message).toBe('the database did not answer in time')
      expect(port.stats().database).toMatchObject({ lent: 0, waiting: 0 })
      expect(await ask(port.findStock, 'A-42')).toMatchObject({ onHand: 42 })
      expect(port.stats().database).toMatchObject({ open: 1, idle: 1 })
    },
  )

  test('that waits for a lock fails, and Postgres waits no longer', async () => {
    // Not the witness itself: in a transaction, it would be told again what it has seen before.
    const holder = await watch(cluster.url, NAME)
    const sku = 'A-42'
    await holder.sql('BEGIN')
    await holder.sql(`UPDATE overlap.stock SET on_hand = on_hand WHERE sku = '${sku}'`)
    const session = await ask(port.openSession, undefined)
    const error = await late(() => failure(session.takeStock, { sku, units: 1 }))
    expect(error).toMatchObject({ code: 'ETIMEDOUT' })
    session.close()
    await isGone()
    await holder.leave()
    await eventually('nothing is lent', () => port.stats().database.lent === 0)
    expect(await witness.onHand(sku)).toBe(42)
  })

  test('that is answered in time has its connection kept, however long that is idle', async () => {
    const { length } = await witness.backends()
    await ask(port.forRun({ dbMs: 20, httpMs: 0 }).findStock, 'A-42')
    const [pid] = await witness.backends()
    await new Promise((resolve) => setTimeout(resolve, TIMEOUT_MS + 100))
    await ask(port.findStock, 'A-42')
    expect(await witness.backends()).toEqual([pid])
    expect(length).toBe(0)
  })

  test('for which a connection is never made fails', async () => {
    const silent = await startRawServer(() => {})
    const unanswered = open(`postgres://postgres@127.0.0.1:${silent.port}/postgres`)
    const error = await late(() => failure(unanswered.findStock, 'A-42'))
    expect(error).toMatchObject({ code: 'ETIMEDOUT', kind: 'late' })
    await unanswered.close()
    await silent.stop()
  })
})

test('a commit that is left unanswered has come to pass, and the books know it', async () => {
  handle = (socket) => {
    const body = service.received.slice(service.received.lastIndexOf('{'))
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
  }
  const session = await ask(port.openSession, undefined)
  await ask(session.takeStock, { sku: 'A-42', units: 2 })
  await ask(port.confirmOrder, { order: session.order, sku: 'A-42', units: 2 })
  relay.loseAnswers()
  const error = await late(() => failure(session.commit, undefined))
  expect(error).toMatchObject({ code: 'ETIMEDOUT' })
  session.close()
  await eventually('the order is settled', () => port.stats().orders.unsettled === 0)
  expect(await witness.onHand('A-42')).toBe(40)
  expect(service.received).not.toContain('DELETE')
})

describe('a request', () => {
  test.for([
    ['is never answered', undefined, () => {}],
    ['is told to wait, and no more', undefined, (socket) => socket.write('HTTP/1.1 102 Processing\r\n\r\n')],
    [
      'is answered byte by byte, each in time',
      200,
      (socket) => {
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${HEALTHY.length * 1_000}\r\n\r\n`)
        const drip = setInterval(() => socket.write(' '), 20)
        socket.once('close', () => clearInterval(drip))
      },
    ],
  ] as const satisfies [string, number | undefined, (socket: Socket) => void][])(
    'that %s fails, and its socket is closed',
    async ([, status, fault]) => {
      handle = fault
      const error = await late(() => failure(port.fetchReservation, 'A-42'))
      expect(error).toMatchObject({ name: 'HttpError', code: 'ETIMEDOUT', status, kind: 'late' })
      expect(error.message).toBe('the reservation service did not answer in time')
      expect(port.stats().http.requests).toBe(0)
      await eventually('its socket is closed', () => service.open === 0)
      handle = (socket) =>
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${HEALTHY.length}\r\n\r\n${HEALTHY}`)
      expect(await ask(port.fetchReservation, 'A-42')).toMatchObject({ reserved: 2 })
    },
  )
})

test.for([0, -1, 0.5, NaN, 2 ** 31])('an answerTimeoutMs of %d is refused', (answerTimeoutMs) => {
  const options = { databaseUrl: cluster.url, upstreamUrls: [service.url], poolMax: 1, answerTimeoutMs }
  expect(() => openPort(options)).toThrow('answerTimeoutMs must be an integer from 1 to 2147483647')
})
