/** What the server makes of requests, good and bad. The port answers at once: nothing here is about I/O. */
import { once } from 'node:events'
import net from 'node:net'
import { text } from 'node:stream/consumers'
import { brotliDecompressSync } from 'node:zlib'
import {
  ClosedError,
  DatabaseError,
  HttpError,
  OutOfStockError,
  OverflowError,
  OverloadedError,
  PictureError,
  type ScenarioName,
  SocketError,
  TimeoutError,
  UnknownSkuError,
  WorkerError,
  allFailed,
  errorKinds,
  kindOf,
  scenarios,
  styleNames,
} from '@overlap/workload'
import type { FastifyInstance, InjectOptions } from 'fastify'
import { pino } from 'pino'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { buildApp } from '../src/app.ts'
import { styles } from '../src/styles.ts'
import { page } from './page.ts'
import { ScriptedPort } from './scripted-port.ts'
import { silent } from './silent.ts'

let port: ScriptedPort
let app: FastifyInstance

beforeAll(async () => {
  port = new ScriptedPort()
  app = buildApp({ port, styles, initialStyle: 'promises', page, log: silent })
  await app.ready()
})
afterAll(() => app.close())
beforeEach(() => {
  port.error = null
  port.failAfter = 0
  port.throwing = false
  port.holding = false
  port.runs = []
  port.cancelled = []
})

interface ProblemBody {
  status: number
  title: string
  detail: string
  errors?: { field: string; expected: string; received: string | null }[]
}

/** Asks, and checks on the way what holds for every problem. */
async function ask(
  status: number,
  request: InjectOptions | string,
): Promise<ProblemBody & { allow: unknown }> {
  const response = await app.inject(request)
  expect(response.statusCode).toBe(status)
  expect(response.headers['content-type']).toBe('application/problem+json')
  expect(response.headers['x-content-type-options']).toBe('nosniff')
  const body = response.json<ProblemBody & { type: string }>()
  expect(body).toMatchObject({
    type: 'about:blank',
    status,
    title: expect.any(String),
    detail: expect.any(String),
  })
  expect(response.body).not.toMatch(/node_modules|\.ts:\d|SELECT|127\.0\.0\.1:\d|    at /)
  for (const { received } of body.errors ?? []) expect(received?.length ?? 0).toBeLessThanOrEqual(64)
  return { ...body, allow: response.headers.allow }
}

const fieldsOf = ({ errors = [] }: ProblemBody) => errors.map(({ field }) => field)

describe('a run', () => {
  const availability = { sku: 'A-42', onHand: 42, reserved: 2, available: 40 }
  const reservation = { sku: 'A-42', reserved: 2 }
  const both = ['findStock', 'fetchReservation']
  const order = ['openSession', 'takeStock', 'confirmOrder', 'commit']
  /** Those that answer once: what they are asked, what they answer, and the calls that they make. */
  const singles: Partial<Record<ScenarioName, { query: string; result: unknown; calls: string[] }>> = {
    sequence: { query: 'sku=A-42', result: availability, calls: both },
    combine: { query: 'sku=A-42', result: availability, calls: both },
    timeout: { query: 'sku=A-42&ms=1000', result: availability, calls: both },
    retry: { query: 'sku=A-42&attempts=1', result: reservation, calls: ['fetchReservation'] },
    race: { query: 'sku=A-42&replicaMs=0', result: reservation, calls: ['fetchReservationFrom'] },
    hedge: { query: 'sku=A-42&delayMs=1000', result: reservation, calls: ['fetchReservationFrom'] },
    transaction: {
      query: 'sku=A-42&units=2',
      result: { order: 'order-1', sku: 'A-42', units: 2, onHand: 40 },
      calls: order,
    },
    limit: {
      query: 'skus=A-42,A-42&limit=2',
      result: [availability, availability],
      calls: [...both, ...both],
    },
    batch: { query: 'sku=A-42&windowMs=1', result: { sku: 'A-42', onHand: 42 }, calls: ['findStocks'] },
    thumbnails: {
      query: 'pages=P-1&widths=100,200',
      result: [
        {
          page: 'P-1',
          thumbnails: [100, 200].map((width) => ({ width, height: width, url: 'data:image/webp;base64,' })),
        },
      ],
      calls: ['fetchPage', 'fetchPicture', 'resize', 'resize'],
    },
    shutdown: { query: 'skus=A-42&closeMs=50&graceMs=0', result: [availability], calls: both },
    regulate: {
      query: 'sku=A-42&keys=a,a,b&urgencies=0,7&limit=1&queue=0',
      result: [
        { key: 'a', urgency: 0, startedMs: expect.any(Number), endedMs: expect.any(Number) },
        { key: 'a', urgency: 7, error: { name: 'OverloadedError', message: 'too many wait for "a"' } },
        { key: 'b', urgency: 7, startedMs: expect.any(Number), endedMs: expect.any(Number) },
      ],
      calls: ['fetchReservation', 'fetchReservation'],
    },
    // This port reads nothing from a socket.
    echo: {
      query: 'bytes=100&pauseMs=0',
      result: { bytes: 0, chunks: 0, mostHeldBytes: 0, bytesReadInPause: expect.any(Number) },
      calls: ['readChunk', 'endOutput'],
    },
  }
  const cells = Object.entries(singles).flatMap(([scenario, asked]) =>
    styleNames.map((style) => ({ scenario, style, ...asked })),
  )
  const inject = (scenario: string, query: string) =>
    app.inject({ method: scenario === 'transaction' ? 'POST' : 'GET', url: `/api/run/${scenario}?${query}` })

  test('each scenario has a run here that asks for it', () => {
    expect([...Object.keys(singles), 'stream', 'latest', 'subscribe'].toSorted()).toEqual(
      scenarios.map(({ name }) => name).toSorted(),
    )
  })

  test.each(cells)(
    '$scenario in $style answers with its result',
    async ({ scenario, style, query, result }) => {
      for (const trace of ['', '&trace=false']) {
        const response = await inject(scenario, `style=${style}&${query}${trace}`)
        expect(response.statusCode).toBe(200)
        expect(response.headers).toMatchObject({
          'content-type': 'application/json; charset=utf-8',
          'content-length': String(response.body.length),
          'x-content-type-options': 'nosniff',
          'server-timing': expect.stringMatching(/^total;dur=\d+(\.\d)?$/),
        })
        expect(response.json()).toEqual({ scenario, style, result })
      }
      expect(port.openSessions).toBe(0)
    },
  )

  test.each(cells)(
    '$scenario in $style tells its calls when it is asked for a trace',
    async ({ scenario, style, query, result, calls }) => {
      const response = await inject(scenario, `style=${style}&${query}&trace=true`)
      expect(response.statusCode).toBe(200)
      expect(response.headers['server-timing']).toMatch(
        /^db;dur=\d+(\.\d)?, http;dur=\d+(\.\d)?(, \w+;dur=\d+(\.\d)?)*, total;dur=\d+(\.\d)?$/,
      )
      const ms = expect.any(Number)
      const call = { startedMs: ms, sentMs: ms, answeringMs: null, endedMs: ms, outcome: 'succeeded' }
      const trace = calls.map((name) => ({ call: name, ...call }))
      expect(response.json()).toEqual({ scenario, style, result, trace })
    },
  )

  describe.each(['stream', 'latest'])('%s', (scenario) => {
    const query = 'skus=A-1,A-2,A-3&everyMs=100'.slice(0, scenario === 'stream' ? 16 : undefined)
    const answered = ['A-1', 'A-2', 'A-3'].map((sku) => ({ ...availability, sku }))

    test.each(styleNames)('in %s answers in lines, the last of which says that it is over', async (style) => {
      const response = await inject(scenario, `style=${style}&${query}`)
      expect(response.statusCode).toBe(200)
      expect(response.headers).toMatchObject({
        'content-type': 'application/x-ndjson',
        'cache-control': 'no-store',
        vary: 'accept',
        'x-content-type-options': 'nosniff',
      })
      const lines = response.body.trim().split('\n')
      expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
        ...answered.map((result) => ({ result })),
        { end: { scenario, style } },
      ])
    })

    test('answers in events when it is asked to', async () => {
      const url = `/api/run/${scenario}?${query}&trace=true`
      const response = await app.inject({ url, headers: { accept: 'text/event-stream' } })
      expect(response.headers['content-type']).toBe('text/event-stream')
      const events = response.body.split('\n\n').map((event) => /^event: (.*)\ndata: (.*)$/.exec(event) ?? [])
      expect(events.map(([, name]) => name)).toEqual(['result', 'result', 'result', 'end', undefined])
      expect(JSON.parse(events[0]?.[2] ?? '')).toEqual(answered[0])
      expect(JSON.parse(events[3]?.[2] ?? '')).toMatchObject({
        scenario,
        style: 'promises',
        trace: Array.from({ length: 6 }, () => ({ outcome: 'succeeded' })),
      })
    })

    test('a failure before the first answer is a problem like any other', async () => {
      port.error = new DatabaseError('secret')
      await ask(502, `/api/run/${scenario}?${query}`)
    })

    test('a failure on the way is told in the last line', async () => {
      port.failAfter = 1
      port.error = new DatabaseError('secret')
      const response = await inject(scenario, `${query}${scenario === 'stream' ? '&limit=1' : ''}`)
      expect(response.statusCode).toBe(200)
      const [first, last] = response.body.trim().split('\n')
      expect(first).toContain('A-1')
      expect(JSON.parse(last ?? '')).toMatchObject({ problem: { status: 502, title: 'Bad Gateway' } })
      expect(response.body).not.toContain('secret')
    })
  })

  test('regulate takes a rate, and none when it is 0', async () => {
    // Since they were asked for: the first may start late.
    const secondStartOf = async (perSecond: number) => {
      const response = await inject('regulate', `sku=A-42&keys=a,a&perSecond=${perSecond}`)
      const { result } = response.json<{ result: [unknown, { startedMs: number }] }>()
      return result[1].startedMs
    }
    expect(await secondStartOf(10)).toBeGreaterThan(99)
    expect(await secondStartOf(0)).toBeLessThan(await secondStartOf(10))
  })

  test('shutdown tells which products closing has cut off', async () => {
    port.holding = true
    const response = await inject('shutdown', 'skus=A-1,A-2&closeMs=0&graceMs=0')
    expect(response.json()).toMatchObject({ result: [null, null] })
    expect(port.cancelled).toHaveLength(4)
  })

  test('an order is refused from the page of another site, and is not to be had by GET', async () => {
    const url = '/api/run/transaction?sku=A-42'
    for (const site of ['cross-site', 'same-site']) {
      await ask(403, { method: 'POST', url, headers: { 'sec-fetch-site': site } })
    }
    for (const site of ['same-origin', 'none']) {
      const own = await app.inject({ method: 'POST', url, headers: { 'sec-fetch-site': site } })
      expect(own.statusCode).toBe(200)
    }
    expect((await ask(405, url)).allow).toBe('POST')
  })

  test.each([
    ['timeout', 'sku=A-42&ms=0', ['ms']],
    ['timeout', 'sku=A-42&ms=10001', ['ms']],
    [
      'retry',
      'sku=A-42&attempts=0&baseMs=-1&capMs=x&failures=101',
      ['attempts', 'baseMs', 'capMs', 'failures'],
    ],
    ['race', 'sku=A-42&replicaMs=', ['replicaMs']],
    ['race', 'sku=A-42&replicaMs=1,2,3,4', ['replicaMs']],
    ['race', 'sku=A-42&replicaMs=1,,2', ['replicaMs']],
    ['hedge', 'sku=A-42&delayMs=0', ['delayMs']],
    ['transaction', 'sku=A-42&units=0', ['units']],
    ['limit', 'skus=A-1&limit=0', ['limit']],
    ['limit', 'sku=A-42', ['sku', 'skus']],
    ['stream', `skus=${'A,'.repeat(100)}A`, ['skus']],
    ['stream', 'skus=A-1,,A-2&limit=1.5', ['skus', 'limit']],
    ['latest', 'skus=A-1&everyMs=1e3', ['everyMs']],
    ['thumbnails', 'pages=P-1,&widths=0&limit=0', ['pages', 'widths', 'limit']],
    ['batch', 'sku=A-1&windowMs=0&max=101', ['windowMs', 'max']],
    [
      'regulate',
      'sku=A-1&keys=a,&urgencies=8&limit=0&perSecond=-1&queue=101&agingMs=x',
      ['keys', 'urgencies', 'limit', 'perSecond', 'queue', 'agingMs'],
    ],
    ['shutdown', 'skus=A-1&closeMs=10001&graceMs=-1', ['closeMs', 'graceMs']],
  ])('%s refuses %s, and names each field', async (scenario, query, fields) => {
    const method = scenario === 'transaction' ? 'POST' : 'GET'
    expect(fieldsOf(await ask(400, { method, url: `/api/run/${scenario}?${query}` }))).toEqual(fields)
    expect(port.runs).toHaveLength(0)
  })

  test('nothing watches the calls of a run that nobody asked about', async () => {
    await app.inject('/api/run/combine?sku=A-42')
    await app.inject('/api/run/combine?sku=A-42&trace=false')
    await app.inject('/api/run/combine?sku=A-42&trace=true')
    expect(port.runs.map(({ observe }) => observe !== undefined)).toEqual([false, false, true])
  })

  test.each(['', '1', '0', 'yes', 'True', 'TRUE', 'on', 'null', 'true%20', 'true&trace=true'])(
    'refuses a trace of "%s", and starts nothing',
    async (value) => {
      const { errors } = await ask(400, `/api/run/combine?sku=A-42&trace=${value}`)
      expect(errors).toMatchObject([{ field: 'trace', expected: expect.stringMatching(/^true or false/) }])
      expect(port.runs).toHaveLength(0)
    },
  )

  test('asks for no fault when it is not told otherwise, and for each by itself', async () => {
    await app.inject('/api/run/combine?sku=A-42')
    await app.inject('/api/run/combine?sku=A-42&dbFault=none&httpFault=fail')
    await app.inject('/api/run/combine?sku=A-42&dbFault=fail&httpFault=none')
    expect(port.runs).toMatchObject([
      { dbFails: false, httpFails: false },
      { dbFails: false, httpFails: true },
      { dbFails: true, httpFails: false },
    ])
  })

  test.each(styleNames)('in %s is aborted when it has asked for that, and says so', async (style) => {
    port.holding = true
    const url = `/api/run/combine?style=${style}&sku=A-42&abortMs=20`
    expect(await ask(504, url)).toMatchObject({ detail: 'Aborted after 20 ms, as the request has asked.' })
    expect(port.cancelled.toSorted()).toEqual(['fetchReservation', 'findStock'])
  })

  test('that ends before it is to be aborted is not, and leaves no timer', async () => {
    const timers = () => process.getActiveResourcesInfo().filter((type) => type === 'Timeout').length
    const before = timers()
    const responses = await Promise.all(
      Array.from({ length: 20 }, () => app.inject('/api/run/combine?sku=A-42&abortMs=10000')),
    )
    expect(responses.map(({ statusCode }) => statusCode)).toEqual(Array(20).fill(200))
    // Others may have come and gone meanwhile.
    expect(timers()).toBeLessThan(before + 10)
  })

  test.each(['stream', 'subscribe'])('%s tells in its last line that it was aborted', async (scenario) => {
    port.holding = scenario === 'stream'
    if (scenario === 'stream') setTimeout(() => port.release(), 50)
    const query = scenario === 'stream' ? 'skus=A-1,A-2&limit=1&abortMs=150' : 'channels=news&abortMs=50'
    const answered = app.inject(`/api/run/${scenario}?${query}`)
    if (scenario === 'subscribe') {
      await vi.waitUntil(() => port.listeners.size === 1)
      await port.notify('news', 'something')
    }
    const lines = (await answered).body.trim().split('\n')
    expect(lines).toHaveLength(2)
    expect(JSON.parse(lines[1] ?? '')).toMatchObject({
      problem: { status: 504, detail: expect.stringMatching(/^Aborted after \d+ ms/) },
    })
  })

  test('asks for 300 ms each when it is not told otherwise', async () => {
    await app.inject('/api/run/combine?sku=A-42')
    await app.inject('/api/run/combine?sku=A-42&dbMs=0&httpMs=10000')
    expect(port.runs).toMatchObject([
      { dbMs: 300, httpMs: 300 },
      { dbMs: 0, httpMs: 10_000 },
    ])
  })

  const badNumbers = [
    '',
    ' ',
    '%20',
    '+1',
    '1e3',
    '1e9',
    '0x10',
    '-1',
    '-0',
    '1.5',
    '1.',
    'NaN',
    'Infinity',
    'x',
    '10001',
  ]
  const odderNumbers = [
    '99999999999',
    '%EF%BC%91%EF%BC%92',
    '1,000',
    '1_0',
    '00',
    '01',
    '%00',
    '1%00',
    'null',
    '%zz',
  ]
  test.each([...badNumbers, ...odderNumbers])(
    'refuses dbMs and httpMs of "%s", and starts nothing',
    async (value) => {
      const problem = await ask(400, `/api/run/combine?sku=A-42&dbMs=${value}&httpMs=${value}`)
      expect(fieldsOf(problem)).toEqual(['dbMs', 'httpMs'])
      expect(problem.errors?.[0]?.expected).toContain('from 0 to 10000')
      expect(port.runs).toHaveLength(0)
    },
  )

  test.each([
    ['dbMs twice', 'sku=A-42&dbMs=1&dbMs=1', ['dbMs']],
    ['style twice', 'sku=A-42&style=effect&style=effect', ['style']],
    ['sku twice', 'sku=A-42&sku=A-42', ['sku']],
    ['dbMs as an array', 'sku=A-42&dbMs[]=1', ['dbMs[]']],
    ['an unknown parameter', 'sku=A-42&delay=1', ['delay']],
    ['a parameter in another case', 'sku=A-42&dbms=1', ['dbms']],
    ['a parameter without a name', 'sku=A-42&=1', ['']],
    [
      'names of a prototype',
      'sku=A-42&__proto__=1&constructor=2&toString=3',
      ['__proto__', 'constructor', 'toString'],
    ],
    ['no sku', '', ['sku']],
    ['an empty sku', 'sku=', ['sku']],
    ['an sku of 65 characters', `sku=${'A'.repeat(65)}`, ['sku']],
    ['an sku with a control character', 'sku=A%00', ['sku']],
    ['an sku with a line break', 'sku=A-42%0A', ['sku']],
    ['an sku with markup', 'sku=<script>', ['sku']],
    ['an unknown style', 'sku=A-42&style=fibers', ['style']],
    ['a style in another case', 'sku=A-42&style=Effect', ['style']],
    ['a style named as a prototype', 'sku=A-42&style=__proto__', ['style']],
    ['a style named as a constructor', 'sku=A-42&style=constructor', ['style']],
    ['a style that is a path', 'sku=A-42&style=../promises', ['style']],
    ['a style that is too long to be shown', `sku=A-42&style=${'x'.repeat(3000)}`, ['style']],
    [
      'everything at once',
      'style=x&dbMs=-1&httpMs=-1&trace=x&dbFault=slow&httpFault=&abortMs=10001&y=1',
      ['y', 'style', 'sku', 'dbMs', 'httpMs', 'trace', 'dbFault', 'httpFault', 'abortMs'],
    ],
  ])('refuses %s, and names each field', async (_what, query, fields) => {
    expect(fieldsOf(await ask(400, `/api/run/combine?${query}`))).toEqual(fields)
    expect(port.runs).toHaveLength(0)
  })

  test('an unknown parameter is answered with the known ones, an unknown style with the list', async () => {
    const { errors } = await ask(400, '/api/run/combine?sku=A-42&x=1&style=x')
    expect(errors?.[0]?.expected).toContain('style, sku, dbMs, httpMs, trace, dbFault, httpFault, abortMs')
    expect(errors?.[1]?.expected).toContain(styleNames.join(', '))
  })

  test.each([
    'nope',
    'Combine',
    '__proto__',
    'constructor',
    'toString',
    '..%2Fcombine',
    '%00',
    'a'.repeat(3000),
  ])('an unknown scenario "%s" is not found', async (name) => {
    const problem = await ask(404, `/api/run/${name}?sku=A-42`)
    expect(problem.errors?.[0]?.expected).toBe(`one of ${scenarios.map(({ name: each }) => each).join(', ')}`)
  })

  test.each([
    [new UnknownSkuError('A-42'), 400],
    [new DatabaseError('select secret from /var/lib', { code: 'ECONNREFUSED' }), 502],
    [new DatabaseError('select secret', { code: 'ETIMEDOUT' }), 504],
    [new DatabaseError('select secret', { code: 'postgres://u:p@127.0.0.1:5432' }), 502],
    [new HttpError('http://127.0.0.1:1/secret', { status: 500 }), 502],
    [new HttpError('secret', { status: 504 }), 504],
    [new HttpError('secret', { code: 'UND_ERR_HEADERS_TIMEOUT' }), 504],
    [new HttpError('secret', { code: 'ECONNRESET' }), 502],
    [new HttpError('secret', { status: 200, code: 'UND_ERR_BODY_TIMEOUT' }), 504],
    [new PictureError('secret'), 502],
    [new SocketError('secret', { code: 'ECONNRESET' }), 502],
    [new OverflowError(10), 503],
    [new OverloadedError('secret'), 503],
    [new ClosedError(), 503],
    [new WorkerError('secret'), 500],
    [new TypeError('secret'), 500],
    [new OutOfStockError('A-42', 2, 1), 409],
    [new TimeoutError(100), 504],
    [allFailed([new HttpError('secret', { status: 503 })]), 502],
  ])('%s becomes %i, with its timings and without its text', async (error, status) => {
    port.error = error
    const timingOf = async (query: string) =>
      (await app.inject(`/api/run/combine?sku=A-42${query}`)).headers['server-timing']
    expect(await timingOf('')).toMatch(/^total;dur=/)
    expect(await timingOf('&trace=true')).toMatch(/^db;dur=.*, http;dur=.*, total;dur=/)
    const { detail } = await ask(status, '/api/run/combine?sku=A-42')
    expect(detail).not.toMatch(/secret|127|select/)
    expect(detail.includes('defect')).toBe(status === 500)
    expect(errorKinds[kindOf(error)].status).toBe(status)
  })

  test('a port that throws is a defect, and the next run is answered', async () => {
    port.error = new TypeError('secret')
    port.throwing = true
    await ask(500, '/api/run/combine?sku=A-42')
    port.error = null
    expect((await app.inject('/api/run/combine?sku=A-42')).statusCode).toBe(200)
  })
})

describe('routes', () => {
  test.each([
    '/nope',
    '/api',
    '/api/',
    '/api/run',
    '/api/run/combine/',
    '/api/run/combine/x',
    '//',
    '/api//styles',
    '/API/styles',
    '/livez/',
    '/api/source/effect',
    '/api/source/effect/combine/x',
    '/%2e%2e/etc/passwd',
    '/api/style/..',
  ])('there is no %s', async (url) => {
    await ask(404, url)
  })

  const get = [
    '/',
    '/api/scenarios',
    '/api/styles',
    '/api/run/combine',
    '/api/run/nope',
    '/api/run/subscribe',
    '/api/events',
    '/api/feed',
    '/metrics',
  ]
  const more = ['/livez', '/readyz', '/openapi.json', '/api/source/effect/combine']
  test.each([...get, ...more])('%s can be read, and nothing else', async (url) => {
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'] as const) {
      // The wrong body too: what is not allowed is not read.
      const payload = method === 'TRACE' ? undefined : 'x'.repeat(20_000)
      expect((await ask(405, { method: method as 'POST', url, ...(payload && { payload }) })).allow).toBe(
        'GET, HEAD',
      )
    }
  })

  test.each(['GET', 'HEAD', 'POST', 'DELETE', 'OPTIONS'] as const)(
    '/api/style does not take %s',
    async (method) => {
      const response = await app.inject({ method, url: '/api/style' })
      expect(response.statusCode).toBe(405)
      expect(response.headers.allow).toBe('PUT')
    },
  )

  test.each([...get, ...more].filter((url) => url !== '/api/run/nope'))(
    'HEAD %s answers without a body',
    async (url) => {
      const parameters: Record<string, string> = {
        '/api/run/combine': '?sku=A-42',
        '/api/run/subscribe': '?channels=news',
        '/api/feed': '?channels=news',
      }
      const path = url + (parameters[url] ?? '')
      const response = await app.inject({ method: 'HEAD', url: path })
      expect(response.statusCode).toBe(200)
      expect(response.body).toBe('')
    },
  )

  test('a URL that is too long is refused, whether there is a route or not', async () => {
    await ask(414, `/api/run/combine?sku=${'A'.repeat(4096)}`)
    await ask(414, `/${'a'.repeat(4096)}`)
  })

  test('a URL that cannot be decoded is refused', async () => {
    await ask(400, '/api/run/%zz')
  })

  test('all answers forbid sniffing, and the page forbids everything else', async () => {
    const response = await app.inject('/')
    expect(response.headers['content-type']).toBe('text/html; charset=utf-8')
    expect(response.headers['content-security-policy']).toContain("default-src 'none'")
    for (const url of [...get, ...more].filter((each) => each !== '/api/events' && each !== '/api/run/nope'))
      expect((await app.inject(url)).headers['x-content-type-options']).toBe('nosniff')
  })

  test('the page links every run, each link leads somewhere, and no code and no style stands in it', async () => {
    const links = new Set<string>()
    for (const { name } of scenarios) {
      const { body } = await app.inject(`/?scenario=${name}&styles=${styleNames.join()}&show=clauses`)
      expect(body).not.toMatch(
        /<script(?! type="module" src=| type="application\/json")|<style|style="|onclick/,
      )
      for (const [, href = ''] of body.matchAll(/href="([^"#]+)"/g)) links.add(href.replaceAll('&amp;', '&'))
    }
    // All but the orders, which are no links.
    expect([...links].filter((link) => link.startsWith('/api/run/'))).toHaveLength(
      (scenarios.length - 1) * styleNames.length,
    )
    // Some answers have no end.
    for (const link of [...links].filter((each) => !/^\/api\/(events$|run\/subscribe\b)/.test(each)))
      expect({ link, status: (await app.inject(link)).statusCode }).toEqual({ link, status: 200 })
  })

  test('what the page loads never changes under its name, and comes compressed to whoever takes that', async () => {
    const files = [...page.assets.keys()]
    const script = files.find((file) => file.endsWith('.js')) ?? ''
    const { headers, rawPayload } = await app.inject({
      url: script,
      headers: { 'accept-encoding': 'gzip, br' },
    })
    expect(headers).toMatchObject({
      'content-encoding': 'br',
      'content-type': 'text/javascript; charset=utf-8',
      'cache-control': 'public, max-age=31536000, immutable',
      vary: 'accept-encoding',
    })
    const plain = await app.inject(script)
    expect(plain.headers['content-encoding']).toBeUndefined()
    expect(brotliDecompressSync(rawPayload).equals(plain.rawPayload)).toBe(true)
    for (const file of files) expect((await app.inject(file)).statusCode).toBe(200)
    await ask(404, '/assets/nothing.js')
    await ask(404, '/code/..%2f..%2fpackage.json')
  })

  test('there is no other panel', async () => {
    await ask(404, '/embed/nothing')
    await ask(404, '/embed/')
  })

  test('the page loads at most 60 kB of compressed script', () => {
    const scripts = [...page.assets].filter(([file]) => file.endsWith('.js'))
    const bytes = scripts.reduce((sum, [, { compressed }]) => sum + (compressed?.length ?? NaN), 0)
    expect(bytes).toBeLessThan(60_000)
  })

  test('the manifest is the one of the workload', async () => {
    expect((await app.inject('/api/scenarios')).json()).toEqual(scenarios)
  })

  test.each([
    'effect/nope',
    'nope/combine',
    '__proto__/combine',
    'effect/__proto__',
    'effect/constructor',
    'effect/adapter',
  ])('there is no source %s', async (path) => {
    await ask(404, `/api/source/${path}`)
  })
  test.each(['..%2f..%2fpackage.json', '..%5c..', '%00', 'combine.ts', 'combine%00'])(
    'a source is not a path: %s',
    async (path) => {
      expect(fieldsOf(await ask(404, `/api/source/effect/${path}`))).toEqual(['scenario'])
    },
  )

  test('the description has every route, and every parameter with its range and default', async () => {
    const response = await app.inject('/openapi.json')
    const { openapi, paths } = response.json<{
      openapi: string
      paths: Record<
        string,
        Record<
          string,
          {
            summary?: string
            tags?: string[]
            parameters?: { name: string }[]
            requestBody?: object
            responses?: object
          }
        >
      >
    }>()
    expect(openapi).toBe('3.1.0')
    expect(Object.keys(paths).toSorted()).toEqual(
      [
        '/',
        '/api/events',
        '/api/experiments',
        '/api/experiments/{id}',
        '/api/faults',
        '/api/faults/{proxy}',
        '/api/feed',
        '/api/feed/{channel}',
        '/api/load',
        '/api/load/events',
        '/api/scenarios',
        '/api/source/suite/{file}',
        '/api/source/{style}/{scenario}',
        '/api/style',
        '/api/styles',
        '/api/suite',
        '/embed/{panel}',
        '/livez',
        '/metrics',
        '/openapi.json',
        '/readyz',
        ...scenarios.map(({ name }) => `/api/run/${name}`),
      ].toSorted(),
    )
    for (const [path, operations] of Object.entries(paths))
      for (const operation of Object.values(operations)) {
        expect({ path, ...operation }).toMatchObject({
          summary: expect.any(String),
          tags: [expect.any(String)],
          // Whatever the route, its URL may be too long, or asked for by a page of another site.
          responses: { default: { content: { 'application/problem+json': {} } } },
        })
      }
    expect(paths['/api/suite']?.['post']?.requestBody).toMatchObject({ required: false })
    expect(paths['/api/style']?.['put']?.requestBody).toMatchObject({ required: true })
    expect(paths['/openapi.json']?.['get']?.responses).toMatchObject({
      200: { content: { 'application/json': { schema: { type: 'object' } } } },
    })
    const fault = { type: 'string', enum: ['none', 'fail'], default: 'none' }
    expect(paths['/api/run/combine']?.['get']?.parameters).toEqual([
      expect.objectContaining({ name: 'style', required: false }),
      expect.objectContaining({ name: 'sku', required: true }),
      expect.objectContaining({
        name: 'dbMs',
        schema: { type: 'integer', minimum: 0, maximum: 10_000, default: 300 },
      }),
      expect.objectContaining({
        name: 'httpMs',
        schema: { type: 'integer', minimum: 0, maximum: 10_000, default: 300 },
      }),
      expect.objectContaining({ name: 'trace', schema: { type: 'boolean', default: false } }),
      expect.objectContaining({ name: 'dbFault', schema: fault }),
      expect.objectContaining({ name: 'httpFault', schema: fault }),
      expect.objectContaining({
        name: 'abortMs',
        schema: { type: 'integer', minimum: 0, maximum: 10_000, default: 0 },
      }),
    ])
    expect(paths['/api/events']?.['get']?.parameters).toMatchObject([{ name: 'trace', required: false }])
  })
})

describe('a socket', () => {
  const putStyle = (headers = '', body = '') =>
    `PUT /api/style HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n${headers}\r\n${body}`
  test.each([
    ['what is not HTTP', 'GARBAGE\r\n\r\n', 400],
    ['headers that are too large', `GET / HTTP/1.1\r\nHost: x\r\nX: ${'a'.repeat(20_000)}\r\n\r\n`, 431],
    ['no Host', 'GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n', 400],
    [
      'two lengths',
      'PUT /api/style HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
      400,
    ],
    [
      'a question to the server itself',
      'OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
      404,
    ],
    ['a type, and no body', putStyle(), 400],
    ['a type, and a body of no bytes', putStyle('Content-Length: 0\r\n'), 400],
    ['a type, and a body in no pieces', putStyle('Transfer-Encoding: chunked\r\n', '0\r\n\r\n'), 400],
    [
      'the wrong method for a whole URL, as a proxy does',
      'PUT http://localhost/livez?a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
      405,
    ],
    ['an unknown method', 'PROPFIND /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n', 405],
  ])('that sends %s is answered, and the server lives', async (_what, request, status) => {
    const fresh = buildApp({ port, styles, initialStyle: 'promises', log: silent })
    const url = await fresh.listen({ port: 0, host: '127.0.0.1' })
    const socket = net.connect(Number(new URL(url).port), '127.0.0.1')
    socket.write(request)
    expect(await text(socket)).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    expect((await fetch(`${url}/livez`)).status).toBe(200)
    await fresh.close()
  })

  test('that sends what is not HTTP in the midst of an answer is cut off, and no other answer is written into it', async () => {
    const fresh = buildApp({ port, styles, initialStyle: 'promises', log: silent })
    const url = await fresh.listen({ port: 0, host: '127.0.0.1' })
    const socket = net.connect(Number(new URL(url).port), '127.0.0.1')
    socket.write('GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n')
    let received = ''
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      received += chunk
    })
    await vi.waitUntil(() => received.includes('retry: 2000'), { timeout: 5000, interval: 5 })
    const closed = once(socket, 'close')
    socket.write('GARBAGE\r\n\r\n')
    await closed
    expect(received.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200'])
    await fresh.close()
  })
})

describe('PUT /api/style', () => {
  const put = (payload: string | object, headers: Record<string, string> = {}): InjectOptions => ({
    method: 'PUT',
    url: '/api/style',
    payload,
    headers: { 'content-type': 'application/json', ...headers },
  })

  test('swaps, and answers as GET /api/styles does', async () => {
    const swapped = await app.inject(put({ style: 'effect' }))
    expect(swapped.statusCode).toBe(200)
    expect(swapped.json()).toMatchObject({ active: 'effect' })
    expect((await app.inject('/api/styles')).json()).toEqual(swapped.json())
    expect((await app.inject('/api/run/combine?sku=A-42')).json()).toMatchObject({ style: 'effect' })
    await app.inject(put({ style: 'promises' }))
  })

  test.each([
    ['an unknown style', { style: 'x' }, ['style']],
    ['a style of another type', { style: 7 }, ['style']],
    ['a style named as a prototype', { style: '__proto__' }, ['style']],
    ['no style', {}, ['style']],
    ['an unknown member', { style: 'effect', force: true }, ['force']],
    ['an array', '[]', ['body']],
    ['null', 'null', ['body']],
    ['nothing', '', ['body']],
    ['what is not JSON', '{"style":', ['body']],
    ['a prototype', '{"style":"effect","__proto__":{"a":1}}', ['body']],
    ['a constructor', '{"style":"effect","constructor":{"prototype":{"a":1}}}', ['body']],
    ['what is too deep', '['.repeat(8000) + ']'.repeat(8000), ['body']],
  ])('refuses %s, and swaps nothing', async (_what, payload, fields) => {
    expect(fieldsOf(await ask(400, put(payload)))).toEqual(fields)
    expect((await app.inject('/api/styles')).json()).toMatchObject({ active: 'promises' })
    expect(({} as { a?: unknown }).a).toBeUndefined()
  })

  test.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/json; charset=utf-7',
    'application/jsonx',
    'x',
  ])('refuses the content type %s', async (type) => {
    await ask(415, put('{"style":"effect"}', { 'content-type': type }))
  })

  test('refuses a compressed body, and one that is too large', async () => {
    await ask(415, put('{"style":"effect"}', { 'content-encoding': 'gzip' }))
    await ask(413, put(`{"style":"${'x'.repeat(16 * 1024)}"}`))
  })

  test.each(['evil.example', 'evil.example:8888', '127.0.0.1.evil.example', '192.168.0.7'])(
    'refuses a request that is addressed to "%s"',
    async (host) => {
      await ask(421, put({ style: 'effect' }, { host }))
    },
  )
  test.each(['localhost', '127.0.0.1:8888', '[::1]:8888'])(
    'takes a request that is addressed to %s',
    async (host) => {
      expect((await app.inject(put({ style: 'promises' }, { host }))).statusCode).toBe(200)
    },
  )

  test('needs the admin token once there is one, and tells nobody what it is', async () => {
    const adminToken = '0123456789abcdef'
    const guarded = buildApp({ port, styles, initialStyle: 'promises', adminToken, log: silent })
    const answer = (headers: Record<string, string>) => guarded.inject(put({ style: 'effect' }, headers))
    for (const authorization of ['', 'Bearer', `Basic ${adminToken}`, `Bearer ${adminToken}x`, adminToken]) {
      const response = await answer({ authorization })
      expect(response.statusCode).toBe(401)
      expect(response.headers['www-authenticate']).toBe('Bearer realm="overlap"')
      expect(response.body).not.toContain(adminToken)
    }
    expect((await guarded.inject('/api/styles')).json()).toMatchObject({ active: 'promises' })
    expect((await answer({ authorization: `Bearer ${adminToken}`, host: 'demo.example' })).statusCode).toBe(
      200,
    )
    await guarded.close()
  })
})

describe('what an operator asks', () => {
  test('many who ask whether it is ready share one check', async () => {
    const counted = new ScriptedPort()
    const fresh = buildApp({ port: counted, styles, initialStyle: 'promises', log: silent })
    await Promise.all(Array.from({ length: 50 }, () => fresh.inject('/readyz')))
    expect(counted.checks).toBe(1)
    await fresh.close()
  })

  test('it is not ready while what stands behind it does not answer, and lives', async () => {
    const down = new ScriptedPort()
    down.ready = false
    const fresh = buildApp({ port: down, styles, initialStyle: 'promises', log: silent })
    const response = await fresh.inject('/readyz')
    expect(response.statusCode).toBe(503)
    expect(response.headers['retry-after']).toBe('5')
    expect((await fresh.inject('/livez')).statusCode).toBe(200)
    await fresh.close()
  })

  test.each([
    ['warn', ['a defect']],
    ['info', ['incoming request', 'request completed', 'incoming request', 'a defect', 'request completed']],
  ] as const)('at %s, the log tells of %j', async (level, messages) => {
    const logged: { msg: string }[] = []
    const log = pino({ level }, { write: (line) => logged.push(JSON.parse(line) as { msg: string }) })
    const fresh = buildApp({ port, styles, initialStyle: 'promises', log })
    await fresh.inject('/api/run/combine?sku=A-42')
    port.error = new TypeError('a bug')
    await fresh.inject('/api/run/combine?sku=A-42')
    expect(logged.map(({ msg }) => msg)).toEqual(messages)
    await fresh.close()
  })

  test('the metrics count each run by its outcome', async () => {
    const fresh = buildApp({ port, styles, initialStyle: 'generators', log: silent })
    await fresh.inject('/api/run/combine?sku=A-42')
    await fresh.inject('/api/run/combine?sku=A-42')
    port.error = new DatabaseError('x')
    await fresh.inject('/api/run/combine?sku=A-42')
    const { body, headers } = await fresh.inject('/metrics')
    expect(headers['content-type']).toContain('text/plain')
    const labels = 'scenario="combine",style="generators"'
    expect(body).toContain(`overlap_runs_total{${labels},outcome="succeeded"} 2\n`)
    expect(body).toContain(`overlap_runs_total{${labels},outcome="failed"} 1\n`)
    expect(body).toContain(`overlap_runs_total{${labels},outcome="cancelled"} 0\n`)
    expect(body).toContain('# TYPE overlap_run_duration_seconds histogram\n')
    expect(body).toContain(`overlap_run_duration_seconds_bucket{le="25",${labels}} 3\n`)
    expect(body).toContain(`overlap_run_duration_seconds_bucket{le="+Inf",${labels}} 3\n`)
    expect(body).toMatch(new RegExp(`^overlap_run_duration_seconds_sum{${labels}} [0-9.]+$`, 'm'))
    expect(body).toContain(`overlap_run_duration_seconds_count{${labels}} 3\n`)
    expect(body).toContain('overlap_runs_running{style="generators"} 0\n')
    expect(body).toContain('overlap_database_connections{state="idle"} 1\n')
    expect(body).toContain('process_cpu_seconds_total')
    await fresh.close()
  })
})
