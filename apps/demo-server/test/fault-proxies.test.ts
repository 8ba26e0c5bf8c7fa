/** Faults that are made over HTTP, and what the runs make of them: on the real service. */
import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import { styleNames } from '@overlap/workload'
import type { FastifyInstance, InjectOptions } from 'fastify'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { buildApp } from '../src/app.ts'
import { styles } from '../src/styles.ts'
import { startBackend } from './backend.ts'
import { page } from './page.ts'
import { ScriptedPort } from './scripted-port.ts'
import { silent } from './silent.ts'

const names = ['postgres', 'service', 'replica-1', 'replica-2']
const well = { enabled: true, toxics: [] }

let backend: Awaited<ReturnType<typeof startBackend>>
let app: FastifyInstance
let url: string

beforeAll(async () => {
  backend = await startBackend(5, { withFaults: true })
  app = createApp()
  url = await app.listen({ port: 0, host: '127.0.0.1' })
})
afterAll(async () => {
  await app.close()
  await backend.stop()
})

const createApp = (options: { adminToken?: string } = {}) =>
  buildApp({
    port: backend.port,
    styles,
    initialStyle: 'promises',
    faults: backend.faults,
    page,
    log: silent,
    ...options,
  })

const put = (
  proxy: string,
  payload: string | object,
  headers: Record<string, string> = {},
): InjectOptions => ({
  method: 'PUT',
  url: `/api/faults/${proxy}`,
  payload,
  headers: { 'content-type': 'application/json', ...headers },
})
const heal: InjectOptions = { method: 'DELETE', url: '/api/faults' }

interface Report {
  readonly proxies: { readonly name: string; readonly enabled: boolean; readonly toxics: object[] }[]
}

async function report(): Promise<Report> {
  return (await app.inject('/api/faults')).json()
}

async function set(proxy: string, payload: object) {
  const response = await app.inject(put(proxy, payload))
  expect(response.statusCode).toBe(200)
}

async function expectWell() {
  expect((await report()).proxies).toMatchObject(names.map((name) => ({ name, ...well })))
}

describe.each(styleNames)('in %s', (style) => {
  const run = (scenario: string, query = '') =>
    app.inject(`/api/run/${scenario}?style=${style}&sku=A-42&dbMs=0&httpMs=0${query}`)
  const statusOf = async (...asked: Parameters<typeof run>) => (await run(...asked)).statusCode

  /** A connection that has lost data is closed when it heals, and the next run may still have been given it. */
  const isWell = () => vi.waitUntil(async () => (await statusOf('combine')) === 200, { timeout: 4000 })

  async function expectToHeal() {
    expect((await app.inject(heal)).statusCode).toBe(200)
    await expectWell()
    await isWell()
  }
  afterEach(expectToHeal)

  test.each(['postgres', 'service'])(
    'latency of %s makes a run slow, and removed, it does not',
    async (name) => {
      expect(await statusOf('combine')).toBe(200)
      await set(name, { toxics: [{ type: 'latency', attributes: { latency: 150 } }] })
      const msOf = async () => {
        const { statusCode, headers } = await run('combine')
        expect(statusCode).toBe(200)
        return Number(/total;dur=([\d.]+)/.exec(String(headers['server-timing']))?.[1])
      }
      const slowMs = await msOf()
      expect(slowMs).toBeGreaterThan(149)
      await set(name, {})
      await vi.waitUntil(async () => (await msOf()) < slowMs, { timeout: 4000 })
    },
  )

  test.each([
    ['postgres', 'database'],
    ['service', 'reservation service'],
  ])('a run fails with 502 while %s is down, and while it resets', async (name, told) => {
    for (const fault of [
      { enabled: false },
      { toxics: [{ type: 'reset_peer', stream: 'upstream', attributes: { timeout: 0 } }] },
      { toxics: [{ type: 'limit_data', attributes: { bytes: 5 } }] },
    ]) {
      await set(name, fault)
      const response = await run('combine')
      expect(response.statusCode).toBe(502)
      expect(response.json()).toMatchObject({ detail: expect.stringContaining(told) })
      await set(name, well)
      await isWell()
    }
  })

  test.each(['postgres', 'service'])('a time limit answers 504 when nothing comes from %s', async (name) => {
    await set(name, { toxics: [{ type: 'timeout', attributes: { timeout: 0 } }] })
    expect(await statusOf('timeout', '&ms=100')).toBe(504)
  })

  test('a race is won by a replica that is well', async () => {
    for (const name of ['service', 'replica-2']) await set(name, { enabled: false })
    expect((await run('race', '&replicaMs=0,0,0')).json()).toMatchObject({ result: { reserved: 2 } })
    await set('replica-1', { enabled: false })
    expect(await statusOf('race', '&replicaMs=0,0,0')).toBe(502)
  })

  test('a client that leaves cancels its query, behind the proxy too', async () => {
    const request = http.get(`${url}/api/run/combine?style=${style}&sku=A-42&dbMs=10000`, {
      agent: false,
    })
    request.on('error', () => {})
    await vi.waitUntil(async () => (await backend.activeQueries()) === 1, { timeout: 4000, interval: 5 })
    await set('postgres', { toxics: [{ type: 'latency', stream: 'upstream', attributes: { latency: 50 } }] })
    request.destroy()
    await vi.waitUntil(async () => (await backend.activeQueries()) === 0, { timeout: 4000, interval: 5 })
  })
})

describe('GET /api/faults', () => {
  test('tells of each proxy, in full', async () => {
    expect((await app.inject('/api/run/combine?sku=A-42&dbMs=0&httpMs=0')).statusCode).toBe(200)
    await set('postgres', { toxics: [{ type: 'latency', toxicity: 0.5, attributes: { latency: 1 } }] })
    const { proxies } = await report()
    expect(proxies.map(({ name }) => name)).toEqual(names)
    expect(proxies[0]).toEqual({
      name: 'postgres',
      enabled: true,
      connections: expect.any(Number),
      toxics: [
        {
          name: 'latency_downstream',
          type: 'latency',
          stream: 'downstream',
          toxicity: 0.5,
          attributes: { latency: 1, jitter: 0 },
        },
      ],
    })
    await app.inject(heal)
  })

  test('is on the page, and described, with all types of toxics', async () => {
    expect((await app.inject('/')).body).toContain('href="/api/faults"')
    const { paths } = (await app.inject('/openapi.json')).json<{ paths: Record<string, object> }>()
    expect(JSON.stringify(paths['/api/faults/{proxy}'])).toContain(
      '["latency","bandwidth","slow_close","timeout","reset_peer","slicer","limit_data"]',
    )
  })
})

describe('PUT /api/faults/:proxy', () => {
  afterEach(async () => void (await app.inject(heal)))

  test('replaces all that is wrong with the one proxy, as often as one likes', async () => {
    const slow = { type: 'latency', attributes: { latency: 1, jitter: 1 } }
    const thin = { type: 'bandwidth', stream: 'upstream', attributes: { rate: 1 } }
    for (const [fault, toxics] of [
      [{ enabled: false, toxics: [slow, thin] }, 2],
      [{ enabled: false, toxics: [slow, thin] }, 2],
      [{ toxics: [thin] }, 1],
      [{}, 0],
    ] as const) {
      const response = await app.inject(put('replica-1', fault))
      expect(response.statusCode).toBe(200)
      const answer = response.json<Report['proxies'][0]>()
      expect(answer).toMatchObject({ name: 'replica-1', enabled: !('enabled' in fault) })
      expect(answer.toxics).toHaveLength(toxics)
      const { proxies } = await report()
      expect(proxies.map((one) => one.toxics.length)).toEqual([0, 0, toxics, 0])
    }
  })

  const latency = { type: 'latency', attributes: { latency: 1 } }
  test.each([
    ['an array', '[]', ['body']],
    ['null', 'null', ['body']],
    ['what is not JSON', '{"toxics":', ['body']],
    ['an unknown member', { toxic: [], enabled: true }, ['toxic']],
    ['enabled as a text', { enabled: 'false' }, ['enabled']],
    ['toxics that are no list', { toxics: latency }, ['toxics']],
    ['too many toxics', { toxics: Array.from({ length: 17 }, () => latency) }, ['toxics']],
    ['an unknown type', { toxics: [{ ...latency, type: 'slow' }] }, ['toxics[0].type']],
    ['a type named as a prototype', '{"toxics":[{"type":"toString","attributes":{}}]}', ['toxics[0].type']],
    ['an unknown stream', { toxics: [{ ...latency, stream: 'both' }] }, ['toxics[0].stream']],
    ['a toxicity over 1', { toxics: [{ ...latency, toxicity: 50 }] }, ['toxics[0].toxicity']],
    ['two of a name', { toxics: [latency, latency] }, ['toxics[1].name']],
    [
      'attributes that are missing, wrong, or of another toxic',
      { enabled: 0, toxics: [{ type: 'slicer', attributes: { delay: -1, rate: 1 } }, { type: 'timeout' }] },
      [
        'enabled',
        'toxics[0].attributes.rate',
        'toxics[0].attributes.average_size',
        'toxics[0].attributes.delay',
        'toxics[1].attributes',
      ],
    ],
    ['what is too deep', `{"enabled":${'['.repeat(7000)}${']'.repeat(7000)}}`, ['enabled']],
  ])('refuses %s, names the field, and changes nothing', async (_what, payload, fields) => {
    const response = await app.inject(put('postgres', payload))
    expect(response.statusCode).toBe(400)
    expect(response.headers['content-type']).toBe('application/problem+json')
    const { errors } = response.json<{ errors: { field: string; expected: string }[] }>()
    expect(errors.map(({ field }) => field)).toEqual(fields)
    await expectWell()
  })

  test('tells of what it has received no more than it takes to recognise it', async () => {
    const toxics = [{ ...latency, name: 'x'.repeat(5000) }]
    const response = await app.inject(put('postgres', { toxics }))
    expect(response.json()).toMatchObject({ errors: [{ received: 'x'.repeat(64) }] })
  })

  test('knows the proxies, and tells their names when it is asked for another', async () => {
    for (const name of ['replica-3', '__proto__', 'constructor', 'Postgres']) {
      const response = await app.inject(put(name, {}))
      expect(response.statusCode).toBe(404)
      expect(response.json()).toMatchObject({
        errors: [{ field: 'proxy', expected: `one of ${names.join(', ')}`, received: name }],
      })
    }
  })

  test('answers 503 when it cannot be enabled, because its port has been taken meanwhile', async () => {
    await set('replica-2', { enabled: false })
    const other = net.createServer().listen(backend.faults?.get('replica-2')?.port, '127.0.0.1')
    await once(other, 'listening')
    for (const request of [put('replica-2', {}), heal]) {
      const response = await app.inject(request)
      expect(response.statusCode).toBe(503)
      expect(response.headers['retry-after']).toMatch(/^\d+$/)
    }
    other.close()
    await once(other, 'close')
    await set('replica-2', {})
    await expectWell()
  })
})

describe('whoever makes or ends faults', () => {
  const requests = [put('postgres', { enabled: false }), heal]

  test('must address this machine, when there is no admin token', async () => {
    for (const request of requests) {
      const headers = { ...request.headers, host: 'evil.example' }
      expect((await app.inject({ ...request, headers })).statusCode).toBe(421)
    }
    await expectWell()
    expect((await app.inject(put('postgres', {}, { host: 'localhost:1' }))).statusCode).toBe(200)
  })

  test('must send the admin token, when there is one', async () => {
    const adminToken = '0123456789abcdef'
    const guarded = createApp({ adminToken })
    for (const request of requests) {
      const answer = async (authorization: string) => {
        const headers = { ...request.headers, host: 'demo.example', authorization }
        return (await guarded.inject({ ...request, headers })).statusCode
      }
      expect(await answer('')).toBe(401)
      expect(await answer(`Bearer ${adminToken}x`)).toBe(401)
      await expectWell()
      expect(await answer(`Bearer ${adminToken}`)).toBe(200)
      await app.inject(heal)
    }
    expect((await guarded.inject('/api/faults')).statusCode).toBe(200)
    await guarded.close()
  })
})

test('without fault proxies the routes say how to have them, and the page has no link', async () => {
  const plain = buildApp({ port: new ScriptedPort(), styles, initialStyle: 'promises', page, log: silent })
  for (const request of [{ url: '/api/faults' } as const, put('postgres', { enabled: 'x' }), heal]) {
    const response = await plain.inject(request)
    expect(response.statusCode).toBe(404)
    expect(response.json()).toMatchObject({ detail: expect.stringContaining('FAULTS=true') })
  }
  expect((await plain.inject('/')).body).not.toContain('/api/faults')
  await plain.close()
})
