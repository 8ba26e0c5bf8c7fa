/** Runs of `batch`, which meet in one query: on real Postgres, and on a port that does as it is told. */
import type { CallEvent, CallName } from '@overlap/backend'
import { type StockLoader, type Style, styleNames } from '@overlap/workload'
import type { FastifyInstance } from 'fastify'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { buildApp } from '../src/app.ts'
import { Loaders } from '../src/loaders.ts'
import { styles } from '../src/styles.ts'
import { startBackend } from './backend.ts'
import { ScriptedPort } from './scripted-port.ts'
import { silent } from './silent.ts'

let backend: Awaited<ReturnType<typeof startBackend>>
let app: FastifyInstance
let url: string

beforeAll(async () => {
  backend = await startBackend(10)
  app = buildApp({ port: backend.port, styles, initialStyle: 'promises', log: silent })
  url = await app.listen({ port: 0, host: '127.0.0.1' })
})
afterAll(async () => {
  await app.close()
  await backend.stop()
})
afterEach(() => vi.waitUntil(async () => (await backend.activeQueries()) === 0))

interface Answer {
  status: number
  result?: { sku: string; onHand: number }
  trace?: { call: string; startedMs: number; outcome: string }[]
  errors?: { field: string; received: string }[]
}

async function get(query: string, signal: AbortSignal | null = null): Promise<Answer> {
  const response = await fetch(`${url}/api/run/batch?${query}`, { signal })
  return { status: response.status, ...((await response.json()) as object) }
}

describe.each(styleNames)('in %s, 100 requests at once', (style) => {
  const skus = Array.from({ length: 100 }, (_, n) => `A-${n + 1}`)
  const known = (sku: string) => /^A-([1-9]|1\d|20|42)$/.test(sku)

  // The windows are so long that only what fills them ends them, however slowly the requests come in.
  test('make 4 queries of 25 products in Postgres, which are gone with their clients', async () => {
    const clients = new AbortController()
    const left = skus.map((sku) =>
      get(`style=${style}&sku=${sku}&windowMs=10000&max=25&dbMs=10000`, clients.signal).catch(() => 'left'),
    )
    await vi.waitUntil(async () => (await backend.activeQueries()) === 4)
    const { lent, waiting } = backend.port.stats().database
    expect({ lent, waiting }).toEqual({ lent: 4, waiting: 0 })
    clients.abort()
    expect(new Set(await Promise.all(left))).toEqual(new Set(['left']))
    await vi.waitUntil(async () => (await backend.activeQueries()) === 0)
  })

  test('are answered each with its own product, and each sees the query', async () => {
    const answers = await Promise.all(
      skus.map((sku) => get(`style=${style}&sku=${sku}&windowMs=10000&max=25&dbMs=0&trace=true`)),
    )
    for (const [n, { status, result, trace, errors }] of answers.entries()) {
      const sku = `A-${n + 1}`
      expect({ status, result, field: errors?.[0]?.received, calls: trace?.map(({ call }) => call) }).toEqual(
        known(sku)
          ? { status: 200, result: { sku, onHand: n + 1 }, field: undefined, calls: ['findStocks'] }
          : { status: 400, result: undefined, field: sku, calls: undefined },
      )
    }
  })

  test('with another policy, delay or style have no query in common with others', async () => {
    const other = style === 'effect' ? 'callbacks' : 'effect'
    const queries = [
      `style=${style}&windowMs=20&max=50&dbMs=300`,
      `style=${style}&windowMs=21&max=50&dbMs=300`,
      `style=${style}&windowMs=20&max=51&dbMs=300`,
      `style=${style}&windowMs=20&max=50&dbMs=301`,
      `style=${other}&windowMs=20&max=50&dbMs=300`,
    ]
    const answers = Promise.all(queries.map((query) => get(`${query}&sku=A-42`)))
    await vi.waitUntil(async () => (await backend.activeQueries()) === queries.length)
    for (const { result } of await answers) expect(result).toEqual({ sku: 'A-42', onHand: 42 })
  })
})

test('a client that leaves takes nobody with it', async () => {
  const query = 'windowMs=10000&max=2&dbMs=500'
  const leaver = new AbortController()
  const left = get(`${query}&sku=A-1`, leaver.signal).catch(() => 'left')
  const stays = get(`${query}&sku=A-2&trace=true`)
  await vi.waitUntil(async () => (await backend.activeQueries()) === 1)
  leaver.abort()
  expect(await left).toBe('left')
  expect(await stays).toMatchObject({ status: 200, trace: [{ call: 'findStocks', outcome: 'succeeded' }] })
})

test('a query that fails is the failure of each request', async () => {
  const port = new ScriptedPort()
  port.throwing = true
  port.error = new Error('a defect')
  const broken = buildApp({ port, styles, initialStyle: 'promises', log: silent })
  const answers = await Promise.all(
    ['A-1', 'A-2'].map((sku) => broken.inject(`/api/run/batch?sku=${sku}&max=2`)),
  )
  expect(answers.map(({ statusCode }) => statusCode)).toEqual([500, 500])
  await broken.close()
})

describe.each(styles)('loaders in $name', (style) => {
  const input = { windowMs: 1_000, max: 2, dbMs: 7 }
  const { signal } = new AbortController()

  test('are forgotten when nobody uses them any more, whatever they were asked for', async () => {
    const port = new ScriptedPort()
    const loaders = new Loaders(style, port)
    const all = Array.from({ length: 100 }, (_, n) =>
      loaders.load('A-1', { ...input, windowMs: n + 1 }, signal),
    )
    expect(loaders.size).toBe(100)
    await Promise.all(all)
    expect(loaders.size).toBe(0)

    const leaver = new AbortController()
    const leaving = [loaders.load('A-1', input, leaver.signal), loaders.load('A-1', input, signal)]
    expect(loaders.size).toBe(1)
    leaver.abort(new Error('the client has left'))
    await expect(leaving[0]).rejects.toBe(leaver.signal.reason)
    expect(loaders.size).toBe(1)
    await Promise.all([leaving[1], loaders.load('A-2', input, signal)])
    expect(loaders.size).toBe(0)

    const aborted = AbortSignal.abort(new Error('the client had left'))
    await expect(loaders.load('A-1', input, aborted)).rejects.toBe(aborted.reason)
    expect(loaders.size).toBe(0)
  })

  test('tell of a query whoever waits for it when it is made, and nobody else', async () => {
    const port = new ScriptedPort()
    port.holding = true
    const loaders = new Loaders(style, port)
    const events: string[] = []
    const observer = (name: string) => (call: CallName, event: CallEvent, id: number) =>
      void events.push(`${name} ${call} ${id} ${event}`)
    const leaver = new AbortController()
    const early = new AbortController()
    const staying = loaders.load('A-2', input, signal, observer('stayer'))
    const gone = loaders.load('A-2', input, early.signal, observer('gone'))
    early.abort()
    await expect(gone).rejects.toBe(early.signal.reason)
    const leaving = loaders.load('A-1', input, leaver.signal, observer('leaver'))
    const next = loaders.load('A-3', input, signal, observer('next'))
    expect(events.splice(0)).toEqual([
      'stayer findStocks 0 started',
      'leaver findStocks 0 started',
      'stayer findStocks 0 sent',
      'leaver findStocks 0 sent',
    ])
    leaver.abort()
    await expect(leaving).rejects.toBe(leaver.signal.reason)
    const unwatched = loaders.load('A-4', input, signal)
    expect(events.splice(0)).toEqual(['next findStocks 0 started', 'next findStocks 0 sent'])
    port.release()
    await Promise.all([staying, next, unwatched])
    expect(events).toEqual(['stayer', 'leaver', 'next'].map((name) => `${name} findStocks 0 succeeded`))
    expect(port.runs.map(({ dbMs }) => dbMs)).toEqual([7, 7, 7])
  })

  test('that nobody watches have queries that nobody watches', async () => {
    const port = new ScriptedPort()
    const loaders = new Loaders(style, port)
    await Promise.all([loaders.load('A-1', input, signal), loaders.load('A-2', input, signal)])
    expect(port.runs.map(({ observe }) => observe)).toEqual([undefined, undefined])
  })
})

test('a loader that throws is nobody’s', async () => {
  const broken: Style = {
    ...(styles[0] as Style),
    batch: (): StockLoader => {
      throw new RangeError('max')
    },
  }
  const loaders = new Loaders(broken, new ScriptedPort())
  const input = { windowMs: 1, max: 0, dbMs: 0 }
  await expect(loaders.load('A-1', input, new AbortController().signal)).rejects.toThrow('max')
  expect(loaders.size).toBe(0)
})
