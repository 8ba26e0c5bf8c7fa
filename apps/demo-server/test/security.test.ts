/** Who may ask for what, what an answer gives away, and what a client may use up. */
import { once } from 'node:events'
import http, { type IncomingMessage, type OutgoingHttpHeaders } from 'node:http'
import net, { type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { DatabaseError, HttpError, WorkerError, allFailed } from '@overlap/workload'
import type { FastifyInstance } from 'fastify'
import { pino } from 'pino'
import { type MockInstance, afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { buildApp } from '../src/app.ts'
import { styles } from '../src/styles.ts'
import { SuiteRuns } from '../src/suite-runs.ts'
import { clients } from './feed-clients.ts'
import { page } from './page.ts'
import { ScriptedPort } from './scripted-port.ts'
import { silent } from './silent.ts'

const adminToken = 'canary-0123456789'
const PATIENT = { timeout: 10_000, interval: 5 }

/** What a route does decides who may ask for it. What is shown may be framed, besides being read. */
type Kind = 'reads' | 'changes' | 'shown'

/** Every route there is, with a request that it answers. HEAD is there wherever GET is. */
const table: Readonly<Record<string, { kind: Kind; path?: string; body?: object; status?: number }>> = {
  'GET /': { kind: 'reads' },
  'GET /embed/:panel': { kind: 'shown', path: '/embed/compare' },
  'GET /api/scenarios': { kind: 'reads' },
  'GET /api/source/:style/:scenario': { kind: 'reads', path: '/api/source/effect/combine' },
  'GET /api/styles': { kind: 'reads' },
  'PUT /api/style': { kind: 'changes', body: { style: 'promises' } },
  'GET /api/events': { kind: 'reads' },
  'GET /api/feed': { kind: 'reads', path: '/api/feed?channels=a' },
  'POST /api/feed/:channel': { kind: 'changes', path: '/api/feed/a', body: { text: 'hello' }, status: 204 },
  'GET /api/source/suite/:file': { kind: 'reads', path: '/api/source/suite/combine' },
  'GET /api/suite': { kind: 'reads' },
  'POST /api/suite': { kind: 'changes', body: { styles: ['effect'], scenario: 'sequence' }, status: 202 },
  'DELETE /api/suite': { kind: 'changes' },
  'GET /api/faults': { kind: 'reads' },
  'PUT /api/faults/:proxy': { kind: 'changes', path: '/api/faults/postgres', body: {} },
  'DELETE /api/faults': { kind: 'changes' },
  'GET /api/load': { kind: 'reads' },
  // Without anything in it, it is allowed, and wrong.
  'POST /api/load': { kind: 'changes', body: {}, status: 400 },
  'DELETE /api/load': { kind: 'changes' },
  'GET /api/load/events': { kind: 'reads' },
  'GET /api/experiments': { kind: 'reads' },
  'POST /api/experiments/:id': { kind: 'changes', path: '/api/experiments/nope', status: 404 },
  'GET /livez': { kind: 'reads' },
  'GET /readyz': { kind: 'reads' },
  'GET /metrics': { kind: 'reads' },
  'GET /openapi.json': { kind: 'reads' },
  'GET /api/run/:scenario': { kind: 'reads', path: '/api/run/nope', status: 404 },
  'GET /api/run/sequence': { kind: 'reads', path: '/api/run/sequence?sku=A-42' },
  'GET /api/run/combine': { kind: 'reads', path: '/api/run/combine?sku=A-42' },
  'GET /api/run/timeout': { kind: 'reads', path: '/api/run/timeout?sku=A-42' },
  'GET /api/run/retry': { kind: 'reads', path: '/api/run/retry?sku=A-42' },
  'GET /api/run/race': { kind: 'reads', path: '/api/run/race?sku=A-42' },
  'GET /api/run/hedge': { kind: 'reads', path: '/api/run/hedge?sku=A-42' },
  'POST /api/run/transaction': { kind: 'changes', path: '/api/run/transaction?sku=A-42' },
  'GET /api/run/limit': { kind: 'reads', path: '/api/run/limit?skus=A-1,A-2' },
  'GET /api/run/stream': { kind: 'reads', path: '/api/run/stream?skus=A-1,A-2' },
  'GET /api/run/latest': { kind: 'reads', path: '/api/run/latest?skus=A-1&everyMs=0' },
  'GET /api/run/batch': { kind: 'reads', path: '/api/run/batch?sku=A-42&windowMs=1' },
  'GET /api/run/thumbnails': { kind: 'reads', path: '/api/run/thumbnails?pages=P-1&widths=1' },
  'GET /api/run/subscribe': { kind: 'reads', path: '/api/run/subscribe?channels=a' },
  'GET /api/run/regulate': { kind: 'reads', path: '/api/run/regulate?sku=A-42&keys=a' },
  'GET /api/run/shutdown': { kind: 'reads', path: '/api/run/shutdown?skus=A-42&closeMs=1&graceMs=0' },
  'GET /api/run/echo': { kind: 'reads', path: '/api/run/echo?bytes=1&pauseMs=0' },
}

interface Route {
  readonly name: string
  readonly method: string
  readonly path: string
  readonly body: string | undefined
  readonly kind: Kind
  /** When it is answered. */
  readonly status: number
}

const routes: readonly Route[] = Object.entries(table).map(([name, { kind, path, body, status = 200 }]) => {
  const [method = '', url = ''] = name.split(' ')
  return { name, method, path: path ?? url, body: body && JSON.stringify(body), kind, status }
})

/** One that does nothing. */
const faults = new Map([
  [
    'postgres',
    {
      port: 1,
      enabled: true,
      toxics: [],
      connections: 0,
      setToxics() {},
      enable: () => Promise.resolve(),
      disable: () => Promise.resolve(),
      stop: () => Promise.resolve(),
    },
  ],
])

const open: FastifyInstance[] = []
let judged: MockInstance<SuiteRuns['start']>
beforeEach(() => {
  // Neither judges nor asks what there is to judge, for which each server would start a process: who may, is the question.
  judged = vi.spyOn(SuiteRuns.prototype, 'start').mockResolvedValue()
  vi.spyOn(SuiteRuns.prototype, 'report').mockImplementation(async function (this: SuiteRuns) {
    return { ...(await this.state()), clauses: [] }
  })
})
afterEach(async () => {
  await Promise.all(open.splice(0).map((app) => app.close()))
  vi.restoreAllMocks()
})

type Options = Partial<Parameters<typeof buildApp>[0]>

/** A server of its own, which is closed after the test. */
async function serve(options: Options = {}) {
  const port = new ScriptedPort()
  const app = buildApp({ port, styles, initialStyle: 'promises', faults, page, log: silent, ...options })
  open.push(app)
  return { port, app, url: await app.listen({ port: 0, host: '127.0.0.1' }) }
}

interface Asked {
  readonly method?: string
  readonly path: string
  readonly body?: string | undefined
  readonly headers?: OutgoingHttpHeaders | undefined
}

/** Resolves with the head of the answer, whose body waits to be read, over a connection of its own. */
async function ask(
  url: string,
  { method = 'GET', path, body, headers }: Asked,
): Promise<IncomingMessage & { statusCode: number }> {
  const request = http.request(url + path, {
    method,
    agent: false,
    headers: { ...(body && { 'content-type': 'application/json' }), ...headers },
  })
  request.end(body)
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage & { statusCode: number }>()
  request.on('response', resolve as (response: IncomingMessage) => void).on('error', reject)
  request.on('upgrade', (response, socket) => {
    socket.destroy()
    resolve(response as IncomingMessage & { statusCode: number })
  })
  return promise
}

async function statusOf(url: string, asked: Asked): Promise<number> {
  const response = await ask(url, asked)
  response.destroy()
  return response.statusCode
}

/** Somebody, and what becomes of what they ask for: `undefined` where it is answered. */
interface Role {
  readonly who: string
  /** Whether the server has a token, as it must if it listens elsewhere. */
  readonly guarded: boolean
  readonly headers: OutgoingHttpHeaders
  readonly reads?: number
  /** The same as `reads`, unless it says otherwise. */
  readonly shown?: number | null
  readonly changes?: number
}

const handshake = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
}
const elsewhere = { host: 'demo.example' }
const bearer = { authorization: `Bearer ${adminToken}` }
const foreign = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' }
const roles: readonly Role[] = [
  { who: 'somebody on this machine', guarded: false, headers: {} },
  { who: 'somebody elsewhere', guarded: true, headers: elsewhere, changes: 401 },
  { who: 'a wrong token', guarded: true, headers: { authorization: `Bearer ${adminToken}x` }, changes: 401 },
  { who: 'the right token', guarded: true, headers: { ...elsewhere, ...bearer } },
  { who: 'a page of this server', guarded: false, headers: { 'sec-fetch-site': 'same-origin' } },
  { who: 'a page of another site', guarded: false, headers: foreign, reads: 403, changes: 403 },
  {
    who: 'a page of another port',
    guarded: false,
    headers: { ...foreign, 'sec-fetch-site': 'same-site' },
    reads: 403,
    changes: 403,
  },
  {
    who: 'a page of another site, with the right token',
    guarded: true,
    headers: { ...foreign, ...bearer },
    reads: 403,
    changes: 403,
  },
  {
    who: 'a page of another site, whose browser only names its origin',
    guarded: true,
    headers: { ...elsewhere, ...bearer, origin: 'http://evil.example' },
    reads: 403,
    changes: 403,
  },
  {
    who: 'a page without an origin',
    guarded: true,
    headers: { ...elsewhere, ...bearer, origin: 'null' },
    reads: 403,
    changes: 403,
  },
  {
    who: 'a link on another site',
    guarded: false,
    headers: { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' },
    changes: 403,
  },
  {
    who: 'a frame on another site',
    guarded: false,
    headers: { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' },
    reads: 403,
    shown: null,
    changes: 403,
  },
  {
    who: 'a name that a page elsewhere has made point here',
    guarded: false,
    headers: {
      host: 'evil.example:8888',
      origin: 'http://evil.example:8888',
      'sec-fetch-site': 'same-origin',
    },
    reads: 421,
    changes: 421,
  },
]

describe('every route', () => {
  test('is in the table, and no other', async () => {
    const app = buildApp({ port: new ScriptedPort(), styles, initialStyle: 'promises', page, log: silent })
    open.push(app)
    const found = new Set<string>()
    app.addHook('onRoute', ({ method, url }) => {
      // The page's files, which are all alike.
      if (page.assets.has(url)) return
      for (const each of [method].flat()) found.add(`${each} ${url}`)
    })
    await app.ready()
    const heads = routes
      .filter(({ method }) => method === 'GET')
      .map(({ name }) => name.replace('GET', 'HEAD'))
    expect([...found].toSorted()).toEqual([...Object.keys(table), ...heads].toSorted())
  })

  test('says that it changes something by its method, and only then asks for the token', async () => {
    for (const { name, method, kind } of routes)
      expect(`${name} ${kind}`).toBe(
        `${name} ${method !== 'GET' ? 'changes' : name.includes('/embed/') ? 'shown' : 'reads'}`,
      )
    for (const token of [undefined, adminToken]) {
      const { app } = await serve({ adminToken: token })
      const { paths } = (await app.inject('/openapi.json')).json<{
        paths: Record<string, Record<string, { security?: object[] }>>
      }>()
      const asking = Object.entries(paths).flatMap(([path, operations]) =>
        Object.entries(operations)
          .filter(([, { security }]) => security?.some((one) => 'adminToken' in one))
          .map(([method]) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`),
      )
      const changing = routes.filter(({ kind }) => kind === 'changes').map(({ name }) => name)
      expect(asking.toSorted()).toEqual(token === undefined ? [] : changing.toSorted())
    }
  })

  test.each(roles)(
    'answers $who, or does not, as the table has it',
    async ({ guarded, headers, ...wanted }) => {
      const { port, app, url } = await serve(guarded ? { adminToken } : {})
      const notified = vi.spyOn(port, 'notify')
      const { shown = wanted.reads } = wanted
      const refusalOf = (kind: Kind) => (kind === 'shown' ? shown : wanted[kind])
      for (const path of [...page.assets.keys()].slice(0, 3))
        expect(await statusOf(url, { path, headers })).toBe(wanted.reads ?? 200)
      // Without a message, a subscription has nothing to begin its answer with.
      const messages = setInterval(() => void port.notify('a', 'anything'), 5)
      onTestFinished(() => clearInterval(messages))
      for (const { name, kind, status, ...asked } of routes)
        expect(`${name}: ${await statusOf(url, { ...asked, headers })}`).toBe(
          `${name}: ${refusalOf(kind) ?? status}`,
        )
      for (const path of ['/', '/api/events', '/api/run/combine?sku=A-42', '/api/run/nope'])
        expect(await statusOf(url, { method: 'HEAD', path, headers })).toBe(
          wanted.reads ?? (path.endsWith('nope') ? 404 : 200),
        )
      const mayChange = wanted.changes === undefined
      expect(port.runs.some(({ dbMs }) => dbMs > 0)).toBe(wanted.reads === undefined)
      expect(port.started.includes('openSession')).toBe(mayChange)
      expect(judged).toHaveBeenCalledTimes(mayChange ? 1 : 0)
      expect(notified.mock.calls.some(([, sent]) => sent === 'hello')).toBe(mayChange)
      const put = { method: 'PUT', path: '/api/style', body: '{"style":"effect"}', headers }
      expect(await statusOf(url, put)).toBe(wanted.changes ?? 200)
      expect((await app.inject('/api/styles')).json()).toMatchObject({
        active: mayChange ? 'effect' : 'promises',
      })
    },
  )
})

describe('a WebSocket', () => {
  test.each(roles)('is opened for $who as they may read', async ({ guarded, headers, reads, who }) => {
    const { port, url } = await serve(guarded ? { adminToken } : {})
    const asked = { path: '/api/feed?channels=a', headers: { ...handshake, ...headers } }
    // A link opens none: where a browser says that it does, it is the page that asks.
    const wanted = who.includes('link') ? 101 : (reads ?? 101)
    expect(await statusOf(url, asked)).toBe(wanted)
    expect(wanted === 101 || port.listeners.size === 0).toBe(true)
  })

  test('with a URL that is too long is refused', async () => {
    const { url } = await serve()
    const path = `/api/feed?channels=${'a'.repeat(4096)}`
    expect(await statusOf(url, { path, headers: handshake })).toBe(414)
  })
})

describe('this machine', () => {
  test.each([
    ['127.0.0.1:8888', 200],
    ['127.0.0.1', 200],
    ['localhost', 200],
    ['LOCALHOST:1', 200],
    ['[::1]:8888', 200],
    ['127.1.2.3:8888', 200],
    ['0.0.0.0:8888', 421],
    ['::1', 421],
    ['127.0.0.1.evil.example', 421],
    ['localhost.evil.example:8888', 421],
    ['evil.example:127.0.0.1', 421],
    ['user@localhost', 421],
    ['localhost:80:80', 421],
    ['[::ffff:7f00:1]', 421],
    ['127.0.0.256', 421],
    ['192.168.0.7:8888', 421],
    ['169.254.169.254', 421],
  ])('is named "%s" or not: %i', async (host, status) => {
    const { url } = await serve()
    for (const path of ['/livez', '/api/run/combine?sku=A-42'])
      expect(await statusOf(url, { path, headers: { host } })).toBe(status)
  })

  test('must be named, also in a request of HTTP/1.0, and the whole URL does not stand for it', async () => {
    const { url } = await serve()
    const say = async (request: string) => {
      const socket = net.connect(Number(new URL(url).port), '127.0.0.1')
      socket.write(request)
      return (await text(socket)).slice(0, 12)
    }
    expect(await say('GET /livez HTTP/1.0\r\n\r\n')).toBe('HTTP/1.1 421')
    expect(await say('GET /livez HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n')).toBe('HTTP/1.1 421')
    expect(await say('GET /livez HTTP/1.0\r\nHost: localhost\r\n\r\n')).toBe('HTTP/1.1 200')
    const whole = 'GET http://localhost/livez HTTP/1.1\r\nConnection: close\r\nHost: '
    expect(await say(`${whole}evil.example\r\n\r\n`)).toBe('HTTP/1.1 421')
    expect(await say(`${whole}localhost\r\n\r\n`)).toBe('HTTP/1.1 200')
  })
})

describe('an answer', () => {
  const strict = {
    'content-security-policy':
      "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
  }
  const own =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'"
  /** What may be loaded by whoever opens it. */
  const policies: Readonly<Record<string, string>> = {
    '/': `${own}; frame-ancestors 'none'`,
    '/embed/compare': `${own}; frame-ancestors 'self' http://localhost:* http://127.0.0.1:*`,
  }
  /** They write their heads themselves. */
  const isRaw = ({ path }: Asked) => path.startsWith('/api/run/') || /^\/api\/(load\/)?events$/.test(path)

  test('is no more than its type says, opens nothing to other sites, and tells nothing of what made it', async () => {
    const { port, url } = await serve({ adminToken })
    const messages = setInterval(() => void port.notify('a', 'anything'), 5)
    onTestFinished(() => clearInterval(messages))
    const errors = [
      { path: '/nope' },
      { path: `/${'a'.repeat(4096)}` },
      { path: '/livez', method: 'POST' },
      { path: '/api/style', method: 'PUT' },
      { path: '/api/source/effect/nope' },
      { path: '/api/run/combine' },
      { path: '/api/run/%zz' },
      { path: '/api/feed?channels=a', headers: { accept: 'text/event-stream' } },
    ]
    for (const asked of [...routes.map((route) => ({ ...route, headers: bearer })), ...errors]) {
      const response = await ask(url, asked)
      const { headers, statusCode } = response
      response.destroy()
      const name = `${asked.method ?? 'GET'} ${asked.path.slice(0, 40)}`
      const isStrict = !isRaw(asked) && !('accept' in (asked.headers ?? {}))
      expect({ name, ...headers }).toMatchObject({
        name,
        'x-content-type-options': 'nosniff',
        ...(isStrict && strict),
        ...(policies[asked.path] && { 'content-security-policy': policies[asked.path] }),
      })
      expect(headers['content-type'] ?? `none, for ${statusCode}`).toMatch(/^[\w-]+\/[\w.+-]+(; |$)|204$/)
      expect(
        Object.keys(headers).filter((header) =>
          /^(server|x-powered-by|set-cookie|timing-allow-origin|access-control-.*)$/.test(header),
        ),
      ).toEqual([])
    }
  })
})

describe('a bound', () => {
  /** Says this over a connection, and resolves with the first line that comes back once it has been closed. */
  async function say(url: string, ...parts: readonly string[]) {
    const socket = net.connect(Number(new URL(url).port), '127.0.0.1')
    const answer = text(socket).catch(() => 'reset')
    const began = performance.now()
    for (const part of parts) socket.write(part)
    const [line] = (await answer).split('\r\n')
    return { line, ms: performance.now() - began }
  }
  const metric = async (url: string, name: string) => {
    const body = await text(await ask(url, { path: '/metrics' }))
    return Number(new RegExp(`^${name} (\\S+)`, 'm').exec(body)?.[1])
  }
  const head = 'GET /livez HTTP/1.1\r\nHost: localhost\r\n'

  test('holds for connections: one more is closed, and counted, and there is room again when one has left', async () => {
    const { url } = await serve({ http: { connections: 3 } })
    const sockets = Array.from({ length: 3 }, () => net.connect(Number(new URL(url).port), '127.0.0.1'))
    await Promise.all(sockets.map((socket) => once(socket, 'connect')))
    expect((await say(url, `${head}\r\n`)).line).toMatch(/^(reset)?$/)
    sockets.pop()?.destroy()
    await vi.waitUntil(() => statusOf(url, { path: '/livez' }).catch(() => false), PATIENT)
    expect(await metric(url, 'overlap_http_connections')).toBe(3)
    expect(await metric(url, 'overlap_http_connections_refused_total')).toBeGreaterThanOrEqual(1)
    for (const socket of sockets) socket.destroy()
  })

  test('holds for the requests of a connection: the last answer says that it ends', async () => {
    const { url } = await serve({ http: { requestsPerConnection: 3, idleMs: 10 } })
    const socket = net.connect(Number(new URL(url).port), '127.0.0.1')
    socket.write(`${head}\r\n`.repeat(5))
    const answers = (await text(socket)).match(/(?<=HTTP\/1\.1 )\d+|(?<=Connection: ).*/gi)
    // Whoever does not heed it is answered by Node, which asks nobody.
    expect(answers).toEqual(
      [200, 'keep-alive', 200, 'keep-alive', 200, 'close', 503, 'close', 503, 'close'].map(String),
    )
  })

  test.each([
    ['headers that do not end', 'headersMs', head],
    ['nothing at all', 'headersMs', ''],
    [
      'a body that does not end',
      'requestMs',
      'POST /api/feed/a HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n{',
    ],
  ] as const)(
    'holds for the time that %s may take: 408, while others are served',
    async (_what, bound, sent) => {
      // A drop at a time makes it none the longer.
      const dripping = async (socket: Socket, drops: number) => {
        for (let i = 0; i < drops && socket.writable; i++) {
          socket.write(bound === 'headersMs' ? 'a' : ' ')
          await sleep(50)
        }
      }
      const { url } = await serve({
        http: { headersMs: 300, requestMs: bound === 'headersMs' ? 600 : 400, checkMs: 20 },
      })
      const began = performance.now()
      const slow = Array.from({ length: 20 }, async (_, index) => {
        const socket = net.connect(Number(new URL(url).port), '127.0.0.1')
        socket.on('error', () => {})
        const answer = text(socket)
        socket.write(sent)
        if (index % 2 && sent !== '') void dripping(socket, 100)
        const [line] = (await answer).split('\r\n')
        return { line, ms: performance.now() - began }
      })
      expect(await statusOf(url, { path: '/livez' })).toBe(200)
      for (const { line, ms } of await Promise.all(slow)) {
        expect(line).toBe('HTTP/1.1 408 Request Timeout')
        expect(ms).toBeGreaterThan(bound === 'headersMs' ? 290 : 390)
        // Several times as long, for a machine that is busy.
        expect(ms).toBeLessThan(4000)
      }
      expect(await statusOf(url, { path: '/livez' })).toBe(200)
    },
  )

  test('holds for the time between two requests', async () => {
    const { url } = await serve({ http: { idleMs: 100 } })
    const { line, ms } = await say(url, `${head}\r\n`)
    expect(line).toBe('HTTP/1.1 200 OK')
    expect(ms).toBeGreaterThan(95)
  })

  test('holds for a client that takes nothing of its answer, and not for one whose answer takes its time', async () => {
    const { app, port, url } = await serve({ http: { stalledMs: 300, checkMs: 100 } })
    const asked = once(app.server, 'request') as Promise<[IncomingMessage]>
    port.holding = true
    const run = statusOf(url, { path: '/api/run/combine?sku=A-42' })
    const [{ socket }] = await asked
    const deaf = net.connect(Number(new URL(url).port), '127.0.0.1')
    deaf.pause()
    deaf.on('error', () => {})
    // Many times what both systems hold.
    deaf.write('GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(2000))
    await vi.waitUntil(async () => (await metric(url, 'overlap_http_connections')) === 3, PATIENT)
    await vi.waitUntil(async () => (await metric(url, 'overlap_http_connections')) === 2, PATIENT)
    deaf.destroy()
    // Who is served has no timer at all: to set one for each request costs about 1 % of it.
    expect(socket.timeout ?? 0).toBe(0)
    port.release()
    expect(await run).toBe(200)
  })
})

describe('a name', () => {
  const nowhere = [
    'http://169.254.169.254/latest',
    '//evil.example',
    'file:///etc/passwd',
    '../../package.json',
    '..%2f..',
    "'; DROP TABLE overlap.stock; --",
    '"; NOTIFY x; --',
    'a b',
    'a\r\nX-Injected: 1',
    'a\0b',
    '${7*7}',
    '<script>',
    '％2e',
  ]

  test('is what a pattern lets through, and no address, path or SQL: for every parameter of every route', async () => {
    const { port, app } = await serve()
    const { paths } = (await app.inject('/openapi.json')).json<{
      paths: Record<
        string,
        Record<string, { parameters?: { name: string; in: string; schema?: { default?: unknown } }[] }>
      >
    }>()
    let asked = 0
    for (const [path, operations] of Object.entries(paths))
      for (const [method, { parameters = [] }] of Object.entries(operations))
        for (const { name, in: where } of parameters)
          for (const value of nowhere) {
            asked++
            const encoded = encodeURIComponent(value)
            const filled = where === 'path' ? path.replace(`{${name}}`, encoded) : path
            const response = await app.inject({
              method: method.toUpperCase() as 'GET',
              url: `${filled.replaceAll(/\{\w+\}/g, 'a')}${where === 'query' ? `?${name}=${encoded}` : ''}`,
              ...(method === 'post' && path.startsWith('/api/feed') && { payload: { text: 'a' } }),
            })
            const { errors } = response.json<{ errors: { field: string; received: string }[] }>()
            expect([400, 404]).toContain(response.statusCode)
            expect(errors.find(({ field }) => field === name)?.received).toBe(value)
            expect(response.headers).not.toHaveProperty('x-injected')
          }
    expect(asked).toBeGreaterThan(1000)
    expect(port.runs.filter(({ dbMs }) => dbMs > 0)).toEqual([])
    expect(port.started).toEqual([])
    expect(port.listeners.size).toBe(0)
  })

  test('of a prototype is a name like any other, where it can be one', async () => {
    const { url, app } = await serve()
    const client = await clients['server-sent events'](url, { channels: '__proto__,constructor' })
    for (const channel of ['__proto__', 'constructor'])
      expect(
        await statusOf(url, { method: 'POST', path: `/api/feed/${channel}`, body: '{"text":"hello"}' }),
      ).toBe(204)
    await vi.waitUntil(() => client.entries.length === 2, PATIENT)
    expect(client.entries.map(({ channel }) => channel)).toEqual(['__proto__', 'constructor'])
    client.leave()
    for (const query of ['combine?sku=constructor', 'limit?skus=constructor,toString'])
      expect((await app.inject(`/api/run/${query}`)).body).toContain('"sku":"constructor"')
    const turns = (await app.inject('/api/run/regulate?sku=A-42&keys=constructor,toString')).json<{
      result: object[]
    }>()
    expect(turns.result).toMatchObject([{ key: 'constructor' }, { key: 'toString' }])
  })
})

describe('an error', () => {
  const canary = 'canary at /var/lib/secret.ts:7:7 of SELECT 1'
  const odd = (properties: object) => Object.assign(new Error(canary), properties)
  const thrown: readonly (readonly [what: string, error: unknown])[] = [
    ['an Error', new Error(canary)],
    ['one with causes', new TypeError(canary, { cause: new Error(canary, { cause: canary }) })],
    ['one with a status', odd({ statusCode: 404, status: 404, headers: { location: canary } })],
    ['one with an odd status', odd({ statusCode: 'canary' })],
    ['one that says that it is a validation', odd({ statusCode: 400, validation: [{ keyword: canary }] })],
    ['one with a code', odd({ code: canary })],
    ['one with a code and a status', odd({ code: canary, statusCode: 400 })],
    ['a DatabaseError', new DatabaseError(canary, { code: canary, cause: new Error(canary) })],
    ['an HttpError', new HttpError(canary, { code: canary })],
    ['a WorkerError', new WorkerError(canary, { cause: new Error(canary) })],
    ['what all replicas have failed with', allFailed([new HttpError(canary), new Error(canary)])],
    ['errors within errors', new AggregateError([new AggregateError([new Error(canary)], canary)], canary)],
    ['an AggregateError of nothing', new AggregateError([], canary)],
    ['a string', canary],
    ['nothing', undefined],
    ['null', null],
    ['an object', { message: canary, stack: canary, statusCode: 200, toJSON: () => canary }],
  ]
  const leak = /canary|secret|SELECT|node_modules|\.ts:\d|    at /

  test.each(thrown)(
    'that is %s gives nothing away, whichever route it is thrown in',
    async (_what, error) => {
      const port = new ScriptedPort()
      const app = buildApp({ port, styles, initialStyle: 'promises', faults, page, log: silent })
      open.push(app)
      let throws = () => {
        throw error
      }
      app.addHook('onRoute', (route) => {
        route.handler = () => throws()
      })
      for (const rejects of [false, true]) {
        if (rejects) throws = (() => Promise.reject(error)) as () => never
        for (const { name, method, path, body } of routes) {
          const response = await app.inject({
            method: method as 'GET',
            url: path,
            ...(body && { body, headers: { 'content-type': 'application/json' } }),
          })
          expect(`${name} ${response.statusCode}`).toMatch(/ 50[02]$/)
          expect(response.headers['content-type']).toBe('application/problem+json')
          expect(response.body + JSON.stringify(response.headers)).not.toMatch(leak)
        }
      }
    },
  )

  test.each(thrown.filter(([, error]) => error instanceof Error))(
    'that is %s gives nothing away where an answer has begun, and over a WebSocket',
    async (_what, error) => {
      const { port, url } = await serve()
      const followers = await Promise.all([
        clients['server-sent events'](url, { channels: 'a' }),
        clients.WebSocket(url, { channels: 'a' }),
      ])
      const lines = ask(url, { path: '/api/run/subscribe?channels=a' }).then(text)
      await vi.waitUntil(() => port.listeners.size === 2, PATIENT)
      await port.notify('a', 'hello')
      for (const { entries } of followers) await vi.waitUntil(() => entries.length === 1, PATIENT)
      port.fail('a', error as Error)
      const told = [await lines, ...(await Promise.all(followers.map(({ end }) => end)))]
      for (const one of told) expect(JSON.stringify(one)).not.toMatch(leak)
      expect(told).toMatchObject([
        expect.stringMatching(/"problem":{.*"status":[45]\d\d/),
        { status: expect.any(Number) },
        { code: 1011 },
      ])

      // Before it has begun.
      port.error = error as Error
      const path = '/api/feed?channels=b'
      for (const headers of [{}, { accept: 'text/event-stream' }, handshake]) {
        const response = await ask(url, { path, headers })
        expect(response.statusCode).toBeGreaterThanOrEqual(400)
        expect((await text(response)) + JSON.stringify(response.headers)).not.toMatch(leak)
      }
    },
  )

  test('of what is behind the operator’s routes gives nothing away', async () => {
    const { port, url } = await serve({ check: () => Promise.reject(new Error(canary)) })
    vi.spyOn(port, 'stats').mockImplementation(() => {
      throw new Error(canary)
    })
    for (const [path, status] of [
      ['/readyz', 503],
      ['/metrics', 500],
    ] as const) {
      const response = await ask(url, { path })
      expect(response.statusCode).toBe(status)
      expect(await text(response)).not.toMatch(leak)
    }
  })
})

describe('the log', () => {
  /** One at `trace`, and all that it was told. */
  function listen() {
    let told = ''
    const log = pino({ level: 'trace' }, { write: (line) => (told += line) })
    return { log, lines: () => told.split('\n').filter((line) => line !== '') }
  }

  test('has no token, no header, no body, and nothing that would be a line of its own', async () => {
    const { log, lines } = listen()
    const { port, url } = await serve({ adminToken, log })
    const secret = 'canary'
    for (const authorization of [`Bearer ${adminToken}`, `Bearer ${secret}`, `Basic ${secret}`])
      for (const { method, path, body } of routes.filter(({ path: each }) => !/events|subscribe/.test(each)))
        await statusOf(url, {
          method,
          path,
          body: body?.replace('hello', secret),
          headers: { authorization, cookie: secret, 'last-event-id': secret, 'x-forwarded-for': secret },
        })
    port.throwing = true
    port.error = new Error('first\n{"level":60,"msg":"forged"}\r\n\u001B[31mred')
    const path = '/api/run/combine?sku=A-42&x=%0A%7B%22msg%22:%22forged%22%7D'
    expect(await statusOf(url, { path: '/api/run/combine?sku=A-42' })).toBe(500)
    expect(await statusOf(url, { path })).toBe(400)
    const parsed = lines().map((line) => JSON.parse(line) as { msg: string })
    expect(lines().join('')).not.toContain(secret)
    expect(Buffer.from(lines().join('')).filter((byte) => byte < 0x20)).toHaveLength(0)
    const messages = new Set(parsed.map(({ msg }) => msg.replace(/ at http.*/, '')))
    expect([...messages].toSorted()).toEqual(
      ['Server listening', 'a defect', 'incoming request', 'request completed'].toSorted(),
    )
  })

  test('tells of a connection that could not be accepted, which ends nothing', async () => {
    const { log, lines } = listen()
    const { app, url } = await serve({ log })
    app.server.emit('error', Object.assign(new Error('accept EMFILE'), { code: 'EMFILE' }))
    expect(lines().at(-1)).toContain('cannot accept a connection')
    expect(await statusOf(url, { path: '/livez' })).toBe(200)
  })

  test('tells of a defect wherever it was met, also after an answer has begun', async () => {
    const { log, lines } = listen()
    const { port, url } = await serve({ log })
    const defects = () => lines().filter((line) => line.includes('"msg":"a defect"'))
    port.error = new TypeError('a bug')
    expect(await statusOf(url, { path: '/api/feed?channels=a' })).toBe(500)
    expect(defects()).toHaveLength(1)
    expect(await statusOf(url, { path: '/api/feed?channels=a', headers: handshake })).toBe(500)
    expect(defects()).toHaveLength(2)

    port.failAfter = 1
    await text(await ask(url, { path: '/api/run/stream?skus=A-1,A-2&limit=1' }))
    expect(defects()).toHaveLength(3)

    port.error = null
    const follower = await clients['server-sent events'](url, { channels: 'a' })
    port.fail('a', new TypeError('a bug'))
    await follower.end
    expect(defects()).toHaveLength(4)
    const other = await clients.WebSocket(url, { channels: 'a' })
    port.fail('a', new DatabaseError('down'))
    await other.end
    expect(defects()).toHaveLength(4)
  })
})
