/** Runs on real Postgres and real HTTP: what they answer, who may leave, and what a swap does to them. */
import http from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Style, styleNames } from '@overlap/workload'
import type { FastifyInstance } from 'fastify'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { buildApp } from '../src/app.ts'
import { styles } from '../src/styles.ts'
import { startBackend } from './backend.ts'
import { ScriptedPort } from './scripted-port.ts'
import { silent } from './silent.ts'

let backend: Awaited<ReturnType<typeof startBackend>>
let app: FastifyInstance | undefined

/** On any free port of this machine. */
async function listen(build: FastifyInstance): Promise<string> {
  app = build
  return app.listen({ port: 0, host: '127.0.0.1' })
}

beforeAll(async () => {
  backend = await startBackend(50)
})
afterAll(() => backend.stop())
afterEach(async () => {
  await app?.close()
  app = undefined
})

const options = { initialStyle: 'promises', log: silent } as const

interface Answer {
  status: number
  style: string
  result: { sku: string }
}

async function get<A = Answer>(url: string, init?: RequestInit): Promise<A> {
  const response = await fetch(url, init)
  return { status: response.status, ...((await response.json()) as object) } as A
}

const put = (url: string, style: string) =>
  fetch(`${url}/api/style`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ style }),
  })

interface Report {
  active: string
  styles: { name: string; running: number; draining: number }[]
}
const reportOf = async (url: string, name: string) =>
  (await get<Report>(`${url}/api/styles`)).styles.find((each) => each.name === name)

describe('a run', () => {
  test.each(styleNames)('%s answers with what Postgres and the service hold', async (style) => {
    const url = await listen(buildApp({ ...options, port: backend.port, styles }))
    const query = `style=${style}&sku=A-42&dbMs=0&httpMs=0`
    expect(await get(`${url}/api/run/combine?${query}`)).toMatchObject({
      status: 200,
      style,
      result: { available: 40 },
    })
    expect(await get(`${url}/api/run/sequence?${query}`)).toMatchObject({
      status: 200,
      style,
      result: { available: 40 },
    })
  })

  test('an sku that Postgres does not know is the fault of the request', async () => {
    const url = await listen(buildApp({ ...options, port: backend.port, styles }))
    expect(await get(`${url}/api/run/combine?sku=Z-1&dbMs=0`)).toMatchObject({
      status: 400,
      errors: [{ field: 'sku', received: 'Z-1' }],
    })
  })

  test.each(styleNames)(
    'can be made to fail on either side, and %s leaves nothing running',
    async (style) => {
      const url = await listen(buildApp({ ...options, port: backend.port, styles }))
      const slow = (ms: string) => `${url}/api/run/combine?style=${style}&sku=A-42&${ms}`
      expect(await get(slow('dbMs=20&httpMs=10000&dbFault=fail'))).toMatchObject({
        status: 502,
        detail: 'The database could not be reached, or failed (22012).',
      })
      expect(await get(slow('dbMs=10000&httpMs=20&httpFault=fail'))).toMatchObject({
        status: 502,
        detail: 'The reservation service could not be reached, or failed (status 503).',
      })
      expect(await get(slow('dbMs=10000&httpMs=10000&abortMs=20'))).toMatchObject({ status: 504 })
      await vi.waitUntil(
        async () => (await backend.activeQueries()) === 0 && backend.ledger.openRequests === 0,
      )
      const batch = (dbFault: string) =>
        get(`${url}/api/run/batch?style=${style}&sku=A-42&dbMs=0&dbFault=${dbFault}`)
      expect(await Promise.all([batch('fail'), batch('none')])).toMatchObject([
        { status: 502 },
        { status: 200 },
      ])
    },
  )

  test('tells when the head of an answer had come, of a request alone', async () => {
    const url = await listen(buildApp({ ...options, port: backend.port, styles }))
    const { trace } = await get<{ trace: Record<string, number>[] }>(
      `${url}/api/run/combine?sku=A-42&dbMs=0&httpMs=50&trace=true`,
    )
    expect(trace).toMatchObject([{ call: 'findStock', answeringMs: null }, { call: 'fetchReservation' }])
    const { sentMs = NaN, answeringMs = NaN, endedMs = NaN } = trace[1] ?? {}
    expect(answeringMs - sentMs).toBeGreaterThan(49)
    expect(endedMs).toBeGreaterThanOrEqual(answeringMs)
  })

  test.each(styleNames)('when its client leaves, %s leaves nothing running', async (style) => {
    const url = await listen(buildApp({ ...options, port: backend.port, styles }))
    const controller = new AbortController()
    const run = `${url}/api/run/combine?style=${style}&sku=A-42&dbMs=10000&httpMs=10000`
    const left = fetch(run, { signal: controller.signal }).catch((error: unknown) => error)
    await vi.waitUntil(async () => (await backend.activeQueries()) === 1 && backend.ledger.openRequests === 1)
    controller.abort()
    expect(await left).toBeInstanceOf(DOMException)
    await vi.waitUntil(async () => (await backend.activeQueries()) === 0 && backend.ledger.openRequests === 0)
    const metrics = await (await fetch(`${url}/metrics`)).text()
    expect(metrics).toContain(
      `overlap_runs_total{scenario="combine",style="${style}",outcome="cancelled"} 1\n`,
    )
    expect(await reportOf(url, style)).toMatchObject({ running: 0 })
  })
})

describe('a stream', () => {
  const skus = Array.from({ length: 20 }, (_, index) => `A-${index + 1}`).join()

  test.each(styleNames)('in %s, stops when its client leaves', async (style) => {
    const url = await listen(buildApp({ ...options, port: backend.port, styles }))
    const client = new AbortController()
    const query = `style=${style}&skus=${skus}&limit=2&dbMs=20&httpMs=20`
    const { body } = await fetch(`${url}/api/run/stream?${query}`, { signal: client.signal })
    const first = await body?.getReader().read()
    expect(new TextDecoder().decode(first?.value)).toMatch(/^{"result":{"sku":"A-/)
    client.abort()
    await vi.waitUntil(async () => (await reportOf(url, style))?.running === 0)
    await vi.waitUntil(async () => (await backend.activeQueries()) === 0 && backend.ledger.openRequests === 0)
    const metrics = await (await fetch(`${url}/metrics`)).text()
    expect(metrics).toContain(
      `overlap_runs_total{scenario="stream",style="${style}",outcome="cancelled"} 1\n`,
    )
  })

  test('is cut off by a shutdown with a problem in its last line', async () => {
    const url = await listen(buildApp({ ...options, port: backend.port, styles }))
    const response = await fetch(`${url}/api/run/stream?skus=${skus}&limit=1&dbMs=50&httpMs=50`)
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
    let text = (await reader?.read())?.value ?? ''
    expect(await app?.drain(10)).toBe(false)
    for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) text += next.value
    expect(JSON.parse(text.trim().split('\n').at(-1) ?? '')).toMatchObject({ problem: { status: 503 } })
  })
})

describe('thumbnails', () => {
  const isQuiet = () => {
    const { workers } = backend.port.stats()
    return workers.running + workers.waiting + backend.ledger.openRequests === 0
  }

  test.each(styleNames)(
    'in %s are pictures, in the order of the pages, beside what has failed',
    async (style) => {
      const url = await listen(buildApp({ ...options, port: backend.port, styles }))
      const query = `style=${style}&pages=P-2,truncated,P-11,no-picture,P-1&widths=40,20&httpMs=0`
      const { result } = await get<{ result: unknown }>(`${url}/api/run/thumbnails?${query}`)
      // RIFF, in base64: a WebP begins with it.
      const picture = { url: expect.stringMatching(/^data:image\/webp;base64,UklGR[A-Za-z0-9+/]+=*$/) }
      const thumbnails = [
        { width: 40, height: 27, ...picture },
        { width: 20, height: 13, ...picture },
      ]
      expect(result).toEqual([
        { page: 'P-2', thumbnails },
        { page: 'truncated', error: { name: 'PictureError', message: expect.stringContaining('damaged') } },
        { page: 'P-11', error: { name: 'HttpError', status: 404, message: expect.any(String) } },
        { page: 'no-picture', error: { name: 'PictureError', message: expect.any(String) } },
        { page: 'P-1', thumbnails },
      ])
      expect(isQuiet()).toBe(true)
    },
  )

  test.each(styleNames)('when their client leaves, %s leaves no request and no resize', async (style) => {
    const url = await listen(buildApp({ ...options, port: backend.port, styles }))
    const leaves = async (query: string, when: () => boolean) => {
      const client = new AbortController()
      const run = `${url}/api/run/thumbnails?style=${style}&${query}`
      const left = fetch(run, { signal: client.signal }).catch((error: unknown) => error)
      await vi.waitUntil(when, { interval: 1 })
      client.abort()
      expect(await left).toBeInstanceOf(DOMException)
      await vi.waitUntil(isQuiet)
    }
    await leaves('limit=3&httpMs=10000', () => backend.ledger.openRequests === 3)
    await leaves(
      'pages=P-1,P-1&httpMs=0&widths=500,500,500,500,500',
      () => backend.port.stats().workers.waiting > 2,
    )
  })
})

describe('orders', () => {
  test(
    'of many clients at once, some of whom leave or meet a failing service, leave the books in balance',
    { timeout: 20_000 },
    async () => {
      const url = await listen(buildApp({ ...options, port: backend.port, styles }))
      await backend.setStock('T-100', 100)
      const confirmedBefore = backend.ledger.units['T-100'] ?? 0
      const outcomes = await Promise.all(
        Array.from({ length: 500 }, async (_, index) => {
          const style = styleNames[index % styleNames.length]
          const failures = index % 7 === 3 ? 1 : 0
          const query = `style=${style}&sku=T-100&dbMs=0&httpMs=${index % 3}&failures=${failures}`
          const leaves = index % 5 === 4 ? AbortSignal.timeout(5 + (index % 97)) : null
          const run = `${url}/api/run/transaction?${query}`
          try {
            return (await fetch(run, { method: 'POST', signal: leaves })).status
          } catch {
            return 'left'
          }
        }),
      )
      await vi.waitUntil(() => {
        const { database, orders } = backend.port.stats()
        return database.lent === 0 && orders.unsettled === 0
      })
      const sold = 100 - (await backend.stockOf('T-100'))
      const told = outcomes.filter((status) => status === 200).length
      expect((backend.ledger.units['T-100'] ?? 0) - confirmedBefore).toBe(sold)
      // A client that left may have bought without hearing of it.
      expect(sold).toBeGreaterThanOrEqual(told)
      expect(sold).toBeLessThanOrEqual(100)
      expect(told).toBeGreaterThan(0)
      expect(new Set(outcomes)).toEqual(new Set([200, 409, 502, 'left']))
    },
  )
})

describe('a swap', () => {
  test('what runs finishes in the style that it began in, and drains only where it came by default', async () => {
    const port = new ScriptedPort()
    port.holding = true
    const url = await listen(buildApp({ ...options, port, styles }))
    const byDefault = get(`${url}/api/run/combine?sku=A-42`)
    const asked = get(`${url}/api/run/combine?sku=A-42&style=promises`)
    await vi.waitUntil(() => port.runs.length === 2)
    expect(await reportOf(url, 'promises')).toMatchObject({ running: 2, draining: 0 })

    await put(url, 'effect')
    expect(await reportOf(url, 'promises')).toMatchObject({ running: 2, draining: 1 })
    const next = get(`${url}/api/run/combine?sku=A-42`)
    await vi.waitUntil(() => port.runs.length === 3)
    expect(await reportOf(url, 'effect')).toMatchObject({ running: 1, draining: 0 })

    port.release()
    expect((await Promise.all([byDefault, asked, next])).map(({ style }) => style)).toEqual([
      'promises',
      'promises',
      'effect',
    ])
    expect(await reportOf(url, 'promises')).toMatchObject({ running: 0, draining: 0 })
  })

  test(
    'under load, fails no run, and every answer names the style that made it',
    { timeout: 15_000 },
    async () => {
      // Each style signs its answers: the result's sku tells who made it.
      const signed = styles.map((style): Style => ({
        ...style,
        combine: async (...run) => ({ ...(await style.combine(...run)), sku: style.name }),
      }))
      const url = await listen(buildApp({ ...options, port: backend.port, styles: signed }))
      const agent = new http.Agent({ keepAlive: true, maxSockets: 50 })
      // Every style that was asked for, and the last one of which the answer has come.
      const asked = ['promises']
      let confirmed = 0
      const swaps = new AbortController()
      const wrong: unknown[] = []
      const seen = new Set<string>()

      async function client() {
        while (!swaps.signal.aborted) {
          const oldest = confirmed
          const { status, body } = await request(`${url}/api/run/combine?sku=A-42&dbMs=20&httpMs=20`, agent)
          const answer = JSON.parse(body) as Answer
          const possible = asked.slice(oldest)
          if (status !== 200 || answer.result.sku !== answer.style || !possible.includes(answer.style))
            wrong.push({ status, possible, named: answer.style, made: answer.result?.sku })
          seen.add(answer.style)
        }
      }
      const clients = Array.from({ length: 50 }, client)
      for (let swap = 0; swap < 20; swap++) {
        const style = styleNames[swap % styleNames.length] ?? 'effect'
        asked.push(style)
        expect((await put(url, style)).status).toBe(200)
        confirmed = asked.length - 1
        await sleep(60)
      }
      swaps.abort()
      await Promise.all(clients)
      agent.destroy()

      expect(wrong.slice(0, 3)).toEqual([])
      expect([...seen].toSorted()).toEqual([...styleNames].toSorted())
      const { styles: lanes } = await get<Report>(`${url}/api/styles`)
      expect(lanes.map(({ running, draining }) => running + draining)).toEqual([0, 0, 0, 0, 0])
    },
  )
})

describe('drain', () => {
  test('lets what runs finish, while it refuses new runs and is not ready', async () => {
    const port = new ScriptedPort()
    port.holding = true
    const url = await listen(buildApp({ ...options, port, styles }))
    const running = get(`${url}/api/run/combine?sku=A-42`)
    await vi.waitUntil(() => port.runs.length === 1)

    const drained = app?.drain(10_000)
    expect((await fetch(`${url}/readyz`)).status).toBe(503)
    const refused = await fetch(`${url}/api/run/combine?sku=A-42`)
    expect(refused.status).toBe(503)
    expect(refused.headers.get('retry-after')).toBe('5')
    expect(refused.headers.get('connection')).toBe('close')
    expect((await fetch(`${url}/livez`)).status).toBe(200)

    port.release()
    expect(await drained).toBe(true)
    expect((await running).status).toBe(200)
    expect(port.runs).toHaveLength(1)
  })

  test('cancels what has not finished after the grace', async () => {
    const url = await listen(buildApp({ ...options, port: backend.port, styles }))
    const running = get(`${url}/api/run/combine?sku=A-42&dbMs=10000&httpMs=10000`)
    await vi.waitUntil(async () => (await backend.activeQueries()) === 1 && backend.ledger.openRequests === 1)
    expect(await app?.drain(10)).toBe(false)
    expect((await running).status).toBe(503)
    await vi.waitUntil(async () => (await backend.activeQueries()) === 0 && backend.ledger.openRequests === 0)
  })
})

function request(url: string, agent: http.Agent): Promise<{ status: number | undefined; body: string }> {
  return new Promise((resolve, reject) => {
    http
      .get(url, { agent }, (response) => {
        let body = ''
        response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk))
        response.on('end', () => resolve({ status: response.statusCode, body })).on('error', reject)
      })
      .on('error', reject)
  })
}
