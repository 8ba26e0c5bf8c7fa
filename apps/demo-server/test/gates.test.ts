/** Runs that pass gates, over HTTP: on the real service, and on a port that does as it is told. */
import http, { type IncomingMessage, type OutgoingHttpHeaders } from 'node:http'
import { json, text } from 'node:stream/consumers'
import { type ScenarioName, type StyleName, styleNames } from '@overlap/workload'
import type { FastifyInstance } from 'fastify'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { buildApp } from '../src/app.ts'
import { Gates, urgencyOf } from '../src/gates.ts'
import { type Rule, defaultRules, parseRules } from '../src/rules.ts'
import { styles } from '../src/styles.ts'
import { startBackend } from './backend.ts'
import { ScriptedPort } from './scripted-port.ts'
import { silent } from './silent.ts'

/** A request over a socket of its own. */
function get(url: string, headers: OutgoingHttpHeaders = {}, method = 'GET') {
  const request = http.request(url, { method, headers, agent: false }).end()
  const answer = new Promise<IncomingMessage>((resolve, reject) =>
    request.on('response', resolve).on('error', reject),
  )
  answer.catch(() => {})
  return { answer, leave: () => request.destroy() }
}

async function statusOf({ answer }: ReturnType<typeof get>): Promise<number | undefined> {
  const response = await answer
  response.resume()
  return response.statusCode
}

describe('on the real service', () => {
  let backend: Awaited<ReturnType<typeof startBackend>>
  let app: FastifyInstance
  let url: string

  beforeAll(async () => {
    backend = await startBackend(20)
    app = buildApp({ port: backend.port, styles, initialStyle: 'promises', rules: defaultRules, log: silent })
    url = await app.listen({ port: 0, host: '127.0.0.1' })
  })
  afterAll(async () => {
    await app.close()
    await backend.stop()
  })

  /** The talks' table. What else the machine does makes both longer, and so the ratio smaller: no more than half of it is asked. */
  test.each(styleNames)(
    'in %s, 10 at once of those that go 2 at a time go 2 at a time, and take up to 5 times as long as others',
    { retry: 3 },
    async (style) => {
      const query = `${url}/api/run/combine?style=${style}&sku=A-42&dbMs=0&httpMs=200`
      let most = 0
      const ten = async (foo: string) => {
        const startedAt = performance.now()
        const looking = setInterval(() => (most = Math.max(most, backend.ledger.openRequests)), 5)
        const statuses = await Promise.all(Array.from({ length: 10 }, () => statusOf(get(query, { foo }))))
        clearInterval(looking)
        expect(new Set(statuses)).toEqual(new Set([200]))
        return performance.now() - startedAt
      }
      await ten('warm')
      most = 0
      const bar = await ten('bar')
      expect(most).toBe(2)
      const baz = await ten('baz')
      expect(bar / baz).toBeGreaterThan(5 / 2)
      expect(bar / baz).toBeLessThan(5 * 1.15)
    },
  )
})

describe('on a port that waits for us', () => {
  const gated: readonly Rule[] = [
    { header: 'foo', value: 'bar', limit: 2, perSecond: undefined, queue: 3, agingMs: 1000 },
    { header: 'x-client', value: undefined, limit: 1, perSecond: undefined, queue: 1, agingMs: 1000 },
    { header: 'x-rate', value: undefined, limit: 100, perSecond: 20, queue: 100, agingMs: 1000 },
    { header: 'x-urgent', value: undefined, limit: 1, perSecond: undefined, queue: 100, agingMs: 10_000 },
    { header: 'x-many', value: undefined, limit: 5, perSecond: undefined, queue: 100, agingMs: 1000 },
  ]
  let port: ScriptedPort
  let app: FastifyInstance
  let url: string

  beforeEach(async () => {
    port = new ScriptedPort()
    app = buildApp({ port, styles, initialStyle: 'promises', rules: gated, log: silent })
    url = await app.listen({ port: 0, host: '127.0.0.1' })
  })
  afterEach(async () => {
    await app.close()
  })

  /** Runs of a rule, as the metrics tell. */
  async function counts(rule: string, style: StyleName) {
    const { body } = await app.inject('/metrics')
    const read = (name: string, state = '') => {
      const labels = `rule="${rule}",style="${style}"${state && `,state="${state}"`}`
      return Number(
        body
          .split('\n')
          .find((line) => line.startsWith(`${name}{${labels}}`))
          ?.split(' ')
          .at(-1),
      )
    }
    return {
      waiting: read('overlap_gate_runs', 'waiting'),
      running: read('overlap_gate_runs', 'running'),
      refused: read('overlap_gate_refused_total'),
      keys: read('overlap_gate_keys'),
    }
  }
  const until = (rule: string, style: StyleName, expected: Partial<Awaited<ReturnType<typeof counts>>>) =>
    vi.waitFor(async () => expect(await counts(rule, style)).toMatchObject(expected), {
      timeout: 5000,
      interval: 5,
    })
  const run = (query: string, headers: OutgoingHttpHeaders, scenario: ScenarioName = 'combine') =>
    get(`${url}/api/run/${scenario}?sku=A-42&${query}`, headers, scenario === 'transaction' ? 'POST' : 'GET')
  const isQuiet = (rule: string, style: StyleName) => until(rule, style, { waiting: 0, running: 0, keys: 0 })

  describe.each(styleNames)('in %s', (style) => {
    const bar = () => run(`style=${style}`, { Foo: 'bar' })

    test('one more than may wait is refused at once, and the others are answered', async () => {
      port.holding = true
      const all = [bar(), bar()]
      await until('foo: bar', style, { running: 2 })
      all.push(bar(), bar(), bar())
      await until('foo: bar', style, { running: 2, waiting: 3, keys: 1 })
      const refused = await bar().answer
      expect(refused.statusCode).toBe(503)
      expect(refused.headers).toMatchObject({
        'content-type': 'application/problem+json',
        'retry-after': '1',
      })
      expect(await json(refused)).toMatchObject({ status: 503, detail: expect.stringContaining('wait') })
      expect(port.started).toHaveLength(4)
      const others = ['BAR', 'bar2', 'b', ''].map((foo) => run(`style=${style}`, { foo }))
      await vi.waitFor(() => expect(port.started).toHaveLength(12))
      port.holding = false
      port.release()
      for (const one of [...all, ...others]) expect(await statusOf(one)).toBe(200)
      await isQuiet('foo: bar', style)
      expect(await counts('foo: bar', style)).toMatchObject({ refused: 1 })
    })

    test('a client that leaves while it waits is never started, and its place in the line is free', async () => {
      port.holding = true
      const running = [bar(), bar()]
      await until('foo: bar', style, { running: 2 })
      const waiting = [bar(), bar(), bar()]
      await until('foo: bar', style, { waiting: 3 })
      for (const { leave } of waiting) leave()
      await until('foo: bar', style, { waiting: 0 })
      const next = bar()
      await until('foo: bar', style, { waiting: 1 })
      port.holding = false
      port.release()
      for (const one of [...running, next]) expect(await statusOf(one)).toBe(200)
      expect(port.started).toHaveLength(6)
      for (const { answer } of waiting) await expect(answer).rejects.toThrow('socket hang up')
      await isQuiet('foo: bar', style)
      expect(await counts('foo: bar', style)).toMatchObject({ refused: 0 })
    })

    test('a client that leaves while it runs gives its place to the next, after its calls are cancelled', async () => {
      port.holding = true
      const running = [bar(), bar()]
      await until('foo: bar', style, { running: 2 })
      const waiting = bar()
      await until('foo: bar', style, { waiting: 1 })
      running[0]?.leave()
      await until('foo: bar', style, { waiting: 0, running: 2 })
      expect(port.cancelled).toEqual(['findStock', 'fetchReservation'])
      port.holding = false
      port.release()
      expect(await statusOf(waiting)).toBe(200)
      await expect(running[0]?.answer).rejects.toThrow('socket hang up')
      await isQuiet('foo: bar', style)
    })

    test('a run that fails, or throws, gives its place back', async () => {
      port.error = new Error('a defect')
      for (let round = 0; round < 5; round++) {
        port.throwing = round % 2 === 0
        expect(await statusOf(bar())).toBe(500)
      }
      await isQuiet('foo: bar', style)
    })

    test('a run waits at each of its gates, and gives back what it has when one refuses it', async () => {
      port.holding = true
      const both = () => run(`style=${style}`, { Foo: 'bar', 'X-Client': 'me' })
      const first = both()
      await until('x-client', style, { running: 1 })
      const second = both()
      await until('x-client', style, { running: 1, waiting: 1 })
      await until('foo: bar', style, { running: 2, waiting: 0 })
      const third = both()
      await until('foo: bar', style, { running: 2, waiting: 1 })
      second.leave()
      await until('foo: bar', style, { running: 2, waiting: 0 })
      await until('x-client', style, { running: 1, waiting: 1 })
      expect(await statusOf(run(`style=${style}`, { 'X-Client': 'me' }))).toBe(503)
      port.holding = false
      port.release()
      for (const one of [first, third]) expect(await statusOf(one)).toBe(200)
      await expect(second.answer).rejects.toThrow('socket hang up')
      for (const rule of ['foo: bar', 'x-client']) await isQuiet(rule, style)
    })

    test('the urgent go first, and among equals who came first', async () => {
      port.holding = true
      const order: string[] = []
      const follow = async ({ answer }: ReturnType<typeof get>, name: string) => {
        const response = await answer
        response.resume()
        order.push(name)
      }
      const answers: Promise<void>[] = []
      for (const priority of ['u=7', 'u=6', 'i', 'u=0, i', 'u=3', 'u=9', 'u=1', 'u=6;a, u=2']) {
        answers.push(follow(run(`style=${style}`, { 'X-Urgent': 'a', priority }), priority))
        await until('x-urgent', style, { running: 1, waiting: answers.length - 1 })
      }
      while (order.length < answers.length) {
        const { length } = order
        await vi.waitFor(() => expect(port.started).toHaveLength(2 * (length + 1)))
        port.release()
        await vi.waitFor(() => expect(order).toHaveLength(length + 1))
      }
      await Promise.all(answers)
      expect(order).toEqual(['u=7', 'u=0, i', 'u=1', 'u=6;a, u=2', 'i', 'u=3', 'u=9', 'u=6'])
    })

    test('those who wait are in the style that they came to, and a swap leaves them there', async () => {
      const swap = (to: string) => app.inject({ method: 'PUT', url: '/api/style', payload: { style: to } })
      const other = style === 'effect' ? 'callbacks' : 'effect'
      await swap(style)
      port.holding = true
      const all = Array.from({ length: 5 }, () => run('', { Foo: 'bar' }))
      await until('foo: bar', style, { running: 2, waiting: 3 })
      await swap(other)
      const late = run('', { Foo: 'bar' })
      await until('foo: bar', other, { running: 1 })
      const { styles: report } = (await app.inject('/api/styles')).json<{ styles: object[] }>()
      expect(report).toContainEqual(expect.objectContaining({ name: style, running: 5, draining: 5 }))
      port.holding = false
      port.release()
      for (const one of all) expect(await json(await one.answer)).toMatchObject({ style })
      expect(await json(await late.answer)).toMatchObject({ style: other })
    })

    test('100 at the same time come to their turn, and no more run at once than may', async () => {
      let running = 0
      let most = 0
      const forRun = port.forRun.bind(port)
      vi.spyOn(port, 'forRun').mockImplementation((options) => {
        const calls = forRun(options)
        return {
          ...calls,
          findStock: (sku, done) => {
            most = Math.max(most, ++running)
            return calls.findStock(sku, (...result) => {
              running--
              done(...(result as [null, never]))
            })
          },
        }
      })
      port.holding = true
      const answers = Array.from({ length: 100 }, (_, n) =>
        run(`style=${style}`, { 'X-Many': 'a', priority: `u=${n % 8}` }),
      )
      await until('x-many', style, { waiting: 95, running: 5 })
      const releasing = setInterval(() => port.release(), 1)
      for (const one of answers) expect(await statusOf(one)).toBe(200)
      clearInterval(releasing)
      expect(most).toBe(5)
      await isQuiet('x-many', style)
    })

    test('starts are spread over the second, and a key is forgotten when it holds nobody back', async () => {
      const startedAt = performance.now()
      const answers = Array.from({ length: 5 }, () => run(`style=${style}`, { 'X-Rate': 'a' }))
      for (const one of answers) expect(await statusOf(one)).toBe(200)
      // 20 per second: the fifth starts 200 ms after the first.
      expect(performance.now() - startedAt).toBeGreaterThan(199)
      await isQuiet('x-rate', style)
    })

    test('1,000 clients leave no key behind', async () => {
      for (let n = 0; n < 1000; n += 100) {
        const some = Array.from({ length: 100 }, (_, i) =>
          app.inject({
            url: `/api/run/combine?sku=A-42&style=${style}`,
            headers: { 'x-client': `${n + i}` },
          }),
        )
        for (const { statusCode } of await Promise.all(some)) expect(statusCode).toBe(200)
      }
      expect(await counts('x-client', style)).toEqual({ waiting: 0, running: 0, refused: 0, keys: 0 })
    })

    test('many answers and orders have a place until their end', async () => {
      port.holding = true
      const client = { 'X-Client': 'me' }
      const stream = get(`${url}/api/run/stream?style=${style}&skus=A-1,A-2&limit=1`, client)
      await until('x-client', style, { running: 1 })
      const order = run(`style=${style}`, client, 'transaction')
      await until('x-client', style, { running: 1, waiting: 1 })
      port.release()
      const response = await stream.answer
      expect(await counts('x-client', style)).toMatchObject({ running: 1, waiting: 1 })
      expect(port.started).not.toContain('openSession')
      port.holding = false
      port.release()
      expect(await text(response)).toContain('"end"')
      expect(await statusOf(order)).toBe(200)
      await isQuiet('x-client', style)
    })

    test('a stream whose client leaves while it waits, or while it is told, frees its place', async () => {
      port.holding = true
      const stream = () =>
        get(`${url}/api/run/stream?style=${style}&skus=A-1,A-2&limit=1`, { 'X-Client': 'me' })
      const told = stream()
      await until('x-client', style, { running: 1 })
      const waits = stream()
      await until('x-client', style, { running: 1, waiting: 1 })
      port.release()
      await told.answer
      waits.leave()
      await until('x-client', style, { running: 1, waiting: 0 })
      told.leave()
      await isQuiet('x-client', style)
      await expect(waits.answer).rejects.toThrow('socket hang up')
      expect(port.started).toHaveLength(4)
    })

    test('a server that closes lets those who wait come to their turn, or tells them when it is over', async () => {
      port.holding = true
      const all = Array.from({ length: 3 }, bar)
      await until('foo: bar', style, { running: 2, waiting: 1 })
      const drained = app.drain(300)
      port.release()
      const statuses = await Promise.all(all.map(statusOf))
      expect(statuses).toEqual([200, 200, 503])
      expect(await drained).toBe(false)
      expect(port.cancelled).toHaveLength(2)
    })
  })

  test('only who has passed a gate is told how long it has waited', async () => {
    const timingOf = async (headers: OutgoingHttpHeaders) => {
      const response = await run('', headers).answer
      response.resume()
      return response.headers['server-timing']
    }
    expect(await timingOf({ Foo: 'baz' })).toMatch(/^total;dur=\d+(\.\d)?$/)
    expect(await timingOf({ Foo: 'bar' })).toMatch(/^queue;dur=\d+(\.\d)?, total;dur=\d+(\.\d)?$/)
  })

  test('a value that is too long to be a key is refused, and names its header', async () => {
    expect(await statusOf(run('', { 'X-Client': 'x'.repeat(256) }))).toBe(200)
    const response = await run('', { 'X-Client': 'x'.repeat(257) }).answer
    expect(response.statusCode).toBe(400)
    expect(await json(response)).toMatchObject({
      errors: [{ field: 'x-client', expected: 'at most 256 characters', received: 'x'.repeat(64) }],
    })
  })
})

test('a request that no rule is about passes no gate', () => {
  const { rules } = parseRules('[{"header":"foo","value":"bar","limit":1},{"header":"x-client","limit":1}]')
  const gates = new Gates(rules, styles)
  expect(gates.find({ host: 'a', foo: 'baz' })).toBeUndefined()
  expect(gates.find({ foo: 'bar', 'x-client': 'me' })?.map(({ gate, key }) => [gate.name, key])).toEqual([
    ['foo: bar', 'bar'],
    ['x-client', 'me'],
  ])
})

test('a rule has a regulator of each style', () => {
  const regulate = styles.map((style) => vi.spyOn(style, 'regulate'))
  expect(new Gates(defaultRules, styles).all).toHaveLength(1)
  for (const made of regulate) expect(made).toHaveBeenCalledExactlyOnceWith(defaultRules[0])
  vi.restoreAllMocks()
})

test.each(styleNames)('in %s, who has left before a gate does not enter it', async (style) => {
  const [gate] = new Gates(defaultRules, styles).all
  const reason = new Error('left')
  const request = { key: 'bar', urgency: 3 }
  await expect(gate?.enter(style, request, AbortSignal.abort(reason))).rejects.toBe(reason)
  expect(new Map(gate?.stats()).get(style)).toEqual({ waiting: 0, running: 0, refused: 0, keys: 0 })
})

test('no more than 10,000 wait in a style, however many keys there are', async () => {
  const { rules } = parseRules('[{"header":"x-client","limit":1}]')
  const [gate] = new Gates(rules, styles).all
  // Of one signal, each listener is compared with all before it.
  const clients = Array.from({ length: 100 }, () => new AbortController())
  const enter = (n: number, style = 'promises') => {
    const { signal } = clients[n % clients.length] ?? new AbortController()
    return gate?.enter(style, { key: `${n}`, urgency: 3 }, signal)
  }
  const waiting: unknown[] = []
  for (let n = 0; n < 10_000; n++) {
    await enter(n)
    waiting.push(enter(n)?.catch((error: unknown) => error))
  }
  await expect(enter(10_000)).rejects.toThrow('too many wait for "10000"')
  await enter(10_000, 'effect')
  expect(new Map(gate?.stats()).get('promises')).toEqual({
    waiting: 10_000,
    running: 10_000,
    refused: 1,
    keys: 10_000,
  })
  const reason = new Error('left')
  for (const client of clients) client.abort(reason)
  expect(new Set(await Promise.all(waiting))).toEqual(new Set([reason]))
  expect(new Map(gate?.stats()).get('promises')).toMatchObject({ waiting: 0 })
})

test.each([
  [undefined, 3],
  ['', 3],
  ['u=0', 0],
  ['u=7', 7],
  ['i, u=5', 5],
  ['u=5;x=1', 5],
  ['u=1, u=2', 2],
  ['u=8', 3],
  ['u=-1', 3],
  ['u=1.5', 3],
  ['u="1"', 3],
  ['u', 3],
  ['u=(1 2)', 3],
  ['U=1', 3],
  ['u=1,', 3],
  ['urgent', 3],
  ['u=@1', 3],
])('the priority %j is of urgency %i', (priority, urgency) => {
  expect(urgencyOf(priority)).toBe(urgency)
})
