/** The feed over real sockets: four ways to the same messages, who is too slow, and what ends them all. */
import { once } from 'node:events'
import http, { type IncomingMessage } from 'node:http'
import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { DatabaseError, styleNames } from '@overlap/workload'
import type { FastifyInstance } from 'fastify'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { buildApp } from '../src/app.ts'
import type { FeedLimits } from '../src/feed.ts'
import { styles } from '../src/styles.ts'
import { startBackend } from './backend.ts'
import { type Asked, type Client, type Entry, ask, clients } from './feed-clients.ts'
import { ScriptedPort } from './scripted-port.ts'
import { silent } from './silent.ts'

let port: ScriptedPort
let app: FastifyInstance
let url: string

async function listen(feed: Partial<FeedLimits> = {}) {
  await app?.close()
  port = new ScriptedPort()
  app = buildApp({ port, styles, initialStyle: 'promises', log: silent, feed })
  url = await app.listen({ port: 0, host: '127.0.0.1' })
}

beforeEach(() => listen())
afterEach(() => app.close())

const ways = Object.entries(clients).map(([way, open]) => ({ way, open }))
const followed = ways.filter(({ way }) => way === 'server-sent events' || way === 'WebSocket')
const everywhere = ways.flatMap((each) => styleNames.map((style) => ({ ...each, style })))
const followedEverywhere = followed.flatMap((each) => styleNames.map((style) => ({ ...each, style })))

const until = (check: () => boolean | Promise<boolean>) =>
  vi.waitUntil(check, { interval: 5, timeout: 10_000 })

/** A turn of the loop for each, as if they came one by one. */
async function send(count: number, { from = 0, channels = ['a', 'b'], padding = '' } = {}) {
  for (let i = from; i < from + count; i++) {
    await port.notify(channels[i % channels.length] ?? '', `${i}${padding}`)
    await new Promise(setImmediate)
  }
}

const metrics = async () => (await fetch(`${url}/metrics`)).text()

async function metric(name: string): Promise<number> {
  const line = (await metrics()).split('\n').find((each) => each.startsWith(`${name} `))
  return Number(line?.split(' ').at(-1))
}

const followers = (way: string) => metric(`overlap_feed_followers{way="${way}"}`)
const dropped = (way: string) => metric(`overlap_feed_dropped_total{way="${way}"}`)

async function expectNobodyLeft() {
  await until(async () => {
    const text = await metrics()
    return !/^overlap_(feed_followers|runs_running)\{.*\} [1-9]/m.test(text)
  })
}

async function problemOf(request: Promise<Response>) {
  const response = await request
  expect(response.headers.get('content-type')).toBe('application/problem+json')
  const body = (await response.json()) as { status: number; detail: string; errors?: { field: string }[] }
  expect(body.status).toBe(response.status)
  return { status: body.status, detail: body.detail, fields: body.errors?.map(({ field }) => field) }
}

const get = (query: string, headers: Record<string, string> = {}) =>
  fetch(`${url}/api/feed${query}`, { headers })
const post = (channel: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(`${url}/api/feed/${channel}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })

/** With headers that `fetch` does not send. */
async function getWith(path: string, headers: Record<string, string>): Promise<Response> {
  const [response] = (await once(http.get(url + path, { headers }), 'response')) as [IncomingMessage]
  const body = (await response.toArray()).join('')
  return new Response(body, {
    status: response.statusCode ?? 0,
    headers: { 'content-type': response.headers['content-type'] ?? '' },
  })
}

/** The problem that a handshake is answered with. */
const refused = (path: string, headers: Record<string, string> = {}) =>
  problemOf(getWith(path, { ...handshake, ...headers }))

const handshake = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
}

describe('all four ways', () => {
  test.each(everywhere)(
    '$way in $style delivers 100 messages in order, and goes on where it was interrupted',
    async ({ open, style }) => {
      const { last: start } = await ask(url, { channels: 'a,b' })
      const asked = { channels: 'a,b', style }
      const first = await open(url, { ...asked, after: start })
      await send(40)
      await until(() => first.entries.length >= 37)
      const known = first.entries.slice(0, 37)
      first.leave()
      await expectNobodyLeft()
      await send(20, { from: 40 })
      const second = await open(url, { ...asked, after: known.at(-1)?.id })
      await send(40, { from: 60 })
      await until(() => second.entries.length >= 63)
      second.leave()

      const { messages: expected } = await ask(url, { channels: 'a,b', after: start })
      expect(expected.map(({ text }) => text)).toEqual(Array.from({ length: 100 }, (_, i) => String(i)))
      expect([...known, ...second.entries]).toEqual(expected)
      await expectNobodyLeft()
    },
  )

  test.each(everywhere)(
    '$way in $style loses nothing of a burst that is more than may be unread',
    async ({ open, style }) => {
      const client = await open(url, { channels: 'a', style, capacity: 3 })
      await until(() => port.listeners.size === 1)
      await sleep(5)
      for (let i = 0; i < 500; i++) await port.notify('a', String(i))
      await until(() => client.entries.length >= 500)
      expect(client.entries.map(({ text }) => text)).toEqual(Array.from({ length: 500 }, (_, i) => String(i)))
      client.leave()
    },
  )

  test.each(ways)('$way begins with a message without text after a restart', async ({ open }) => {
    const { last } = await ask(url, { channels: 'a' })
    await listen()
    const client = await open(url, { channels: 'a', after: last })
    await until(() => client.entries.length === 1)
    await post('a', { text: 'new' })
    await until(() => client.entries.length === 2)
    expect(client.entries.map(({ text }) => text)).toEqual([null, 'new'])
    client.leave()
  })

  test.each(ways)('$way begins with one where the log no longer reaches back', async ({ open }) => {
    await listen({ messages: 3 })
    const { last } = await ask(url, { channels: 'a' })
    await send(10, { channels: ['a'] })
    expect(await metric('overlap_feed_log{what="messages"}')).toBe(3)
    const client = await open(url, { channels: 'a', after: last })
    await until(() => client.entries.length >= 4)
    expect(client.entries.map(({ text }) => text)).toEqual([null, '7', '8', '9'])
    client.leave()
  })

  test.each(ways)('$way passes on that messages may have been missed', async ({ open }) => {
    const client = await open(url, { channels: 'a' })
    await until(() => port.listeners.size === 1)
    await port.notify('a', null)
    await until(() => client.entries.length === 1)
    expect(client.entries).toMatchObject([{ channel: 'a', text: null }])
    client.leave()
  })

  test('a text is any text', async () => {
    const text = '"quotes"\n\r\u2028 <b>&amp; data: x\n\nevent: y ❤️ 👩‍👩‍👧'
    const all = await Promise.all(ways.map(({ open }) => open(url, { channels: 'x:y.z_-9' })))
    await until(() => port.listeners.size === 1)
    expect((await post('x:y.z_-9', { text })).status).toBe(204)
    await post('x:y.z_-9', { text: '' })
    for (const { entries } of all) {
      await until(() => entries.length === 2)
      expect(entries.map((each) => each.text)).toEqual([text, ''])
    }
    for (const { leave } of all) leave()
  })
})

describe('a poll', () => {
  test('without an id is answered with where to go on from, and one with a full page with less than all', async () => {
    const { messages, last } = await ask(url, { channels: 'a' })
    expect(messages).toEqual([])
    await send(150, { channels: ['a'] })
    const page = await ask(url, { channels: 'a', after: last })
    expect(page.messages).toHaveLength(100)
    expect(page.last).toBe(page.messages.at(-1)?.id)
    expect((await ask(url, { channels: 'a', after: page.last })).messages).toHaveLength(50)
  })

  test('is not to be kept by anybody', async () => {
    const { headers } = await get('?channels=a')
    expect(headers.get('cache-control')).toBe('no-store')
    expect(headers.get('vary')).toBe('accept')
  })

  test.each(styleNames)(
    'that waits in %s is answered with nothing when nothing came, and goes on',
    async (style) => {
      const { last } = await ask(url, { channels: 'a' })
      const began = performance.now()
      expect(await ask(url, { channels: 'a', after: last, style }, 30)).toEqual({ messages: [], last })
      expect(performance.now() - began).toBeGreaterThan(25)
      await expectNobodyLeft()
      expect(await metrics()).toContain(`runs_total{scenario="feed",style="${style}",outcome="succeeded"} 1`)
    },
  )

  test('that waits is answered at once when there is a message, and counts as a follower until then', async () => {
    const started = vi.spyOn(globalThis, 'setTimeout')
    const cleared = vi.spyOn(globalThis, 'clearTimeout')
    const waiting = ask(url, { channels: 'a' }, 29_999)
    await until(async () => (await followers('long-poll')) === 1)
    await port.notify('b', 'other')
    await port.notify('a', '1')
    expect((await waiting).messages).toMatchObject([{ channel: 'a', text: '1' }])
    await expectNobodyLeft()
    const index = started.mock.calls.findIndex(([, ms]) => ms === 29_999)
    expect(cleared).toHaveBeenCalledWith(started.mock.results[index]?.value)
    vi.restoreAllMocks()
  })

  test('whose client leaves waits no longer, and is no defect', async () => {
    const logged = vi.spyOn(silent, 'error')
    const left = new AbortController()
    const waiting = ask(url, { channels: 'a' }, 30_000, left.signal).catch(() => {})
    await until(async () => (await followers('long-poll')) === 1)
    left.abort()
    await waiting
    await expectNobodyLeft()
    expect(await metrics()).toContain('runs_total{scenario="feed",style="promises",outcome="cancelled"} 1')
    expect(logged).not.toHaveBeenCalled()
    vi.restoreAllMocks()
  })

  test('keeps its channels between two polls', async () => {
    await listen({ idleMs: 600 })
    let { last } = await ask(url, { channels: 'a' })
    for (let i = 0; i < 5; i++) {
      await sleep(150)
      await port.notify('a', String(i))
      const { messages, last: next } = await ask(url, { channels: 'a', after: last })
      expect(messages.map(({ text }) => text)).toEqual([String(i)])
      last = next
    }
    await until(() => port.listeners.size === 0)
  })
})

describe('an event stream', () => {
  test('says who may keep it, where to go on from, and when to come back', async () => {
    const left = new AbortController()
    const response = await fetch(`${url}/api/feed?channels=a`, {
      headers: { accept: 'text/event-stream' },
      signal: left.signal,
    })
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      vary: 'accept',
      'x-content-type-options': 'nosniff',
    })
    const { value } = (await response.body?.pipeThrough(new TextDecoderStream()).getReader().read()) ?? {}
    const { last } = await ask(url, { channels: 'a' })
    expect(value).toBe(`retry: 2000\nid: ${last}\n\n`)
    left.abort()
  })

  test('goes on from the header of who reconnects, also when the URL has an older id', async () => {
    const { last } = await ask(url, { channels: 'a' })
    await send(2, { channels: ['a'] })
    const { messages } = await ask(url, { channels: 'a', after: last })
    const response = http.get(`${url}/api/feed?channels=a&after=${last}`, {
      headers: { accept: 'text/event-stream', 'last-event-id': messages[0]?.id },
    })
    const [stream] = (await once(response, 'response')) as [IncomingMessage]
    const heard: string[] = []
    stream.setEncoding('utf8').on('data', (text: string) => heard.push(text))
    await until(() => heard.join('').includes('"text":"1"'))
    expect(heard.join('')).not.toContain('"text":"0"')
    stream.destroy()
  })
})

describe('whoever does not read', () => {
  const LARGE = 'x'.repeat(200_000)
  const tooSlow = 'More than 5 messages had not been read. Come back, and read faster.'

  test.each(followedEverywhere)(
    'over $way in $style is told and let go, and the others get everything',
    async ({ way, open, style }) => {
      const slow = await open(url, { channels: 'a', style, capacity: 5 })
      const others = await Promise.all(ways.map((other) => other.open(url, { channels: 'a', style })))
      await until(() => port.listeners.size === 1)
      slow.pause()
      const kind = way === 'WebSocket' ? 'websocket' : 'events'
      for (let from = 0; (await dropped(kind)) === 0; from += 10)
        await send(10, { from, channels: ['a'], padding: LARGE })
      await send(1, { from: 999, channels: ['a'] })
      for (const { entries } of others) await until(() => entries.at(-1)?.text === '999')
      const texts = others[0]?.entries.map(({ text }) => text)
      for (const { entries } of others) expect(entries.map(({ text }) => text)).toEqual(texts)

      slow.resume()
      expect(await slow.end).toEqual(
        way === 'WebSocket'
          ? { code: 1013, reason: tooSlow }
          : { type: 'about:blank', title: 'Service Unavailable', status: 503, detail: tooSlow },
      )
      // What it had got it can go on from.
      const got = slow.entries.map(({ text }) => text)
      expect(got).toEqual(texts?.slice(0, got.length))
      const back = await open(url, { channels: 'a', style, after: slow.entries.at(-1)?.id })
      await until(() => back.entries.at(-1)?.text === '999')
      expect([...got, ...back.entries.map(({ text }) => text)]).toEqual(texts)
      for (const { leave } of [...others, back]) leave()
      await expectNobodyLeft()
      expect(await dropped(kind)).toBe(1)
    },
  )

  test.each(followed)('over $way is let go although nothing more comes', async ({ way, open }) => {
    await listen({ beatMs: 300 })
    const client = await open(url, { channels: 'a' })
    client.pause()
    await until(() => port.listeners.size === 1)
    await send(1, { channels: ['a'], padding: 'x'.repeat(12_000_000) })
    await until(async () => (await dropped(way === 'WebSocket' ? 'websocket' : 'events')) === 1)
    await expectNobodyLeft()
    client.leave()
  })
})

describe('a sign of life', () => {
  test.each(followed)('is sent over $way', async ({ open }) => {
    await listen({ beatMs: 60 })
    const all = await Promise.all(Array.from({ length: 20 }, () => open(url, { channels: 'a' })))
    for (const client of all) await until(() => client.beats > 3)
    expect(await dropped('events')).toBe(0)
    expect(await dropped('websocket')).toBe(0)
    for (const { leave } of all) leave()
    await expectNobodyLeft()
  })

  test('that a WebSocket does not answer ends it', async () => {
    await listen({ beatMs: 60 })
    const { port: number } = new URL(url)
    const socket = net.connect(Number(number), '127.0.0.1')
    const lines = Object.entries({ host: 'localhost', ...handshake }).map(
      ([name, value]) => `${name}: ${value}`,
    )
    socket.write(['GET /api/feed?channels=a HTTP/1.1', ...lines, '\r\n'].join('\r\n'))
    socket.resume()
    await once(socket, 'close')
    expect(await dropped('websocket')).toBe(1)
  })
})

describe('a WebSocket', () => {
  test('that sends something is closed with 1003, and with 1009 when it is much', async () => {
    for (const [sent, code] of [
      ['hello', 1003],
      [Buffer.from([1]), 1003],
      ['x'.repeat(5000), 1009],
    ] as const) {
      const socket = new WebSocket(`${url.replace('http', 'ws')}/api/feed?channels=a`)
      await once(socket, 'open')
      socket.send(sent)
      expect((await once(socket, 'close'))[0]).toBe(code)
    }
    await expectNobodyLeft()
  })

  test('from a page of another site is refused, and from one of this site it is not', async () => {
    const path = '/api/feed?channels=a'
    for (const origin of [
      'https://elsewhere.example',
      'null',
      'http://127.0.0.1:1',
      `${url}.elsewhere.example`,
    ])
      expect(await refused(path, { origin })).toMatchObject({ status: 403 })
    const socket = new WebSocket(`${url.replace('http', 'ws')}${path}`, { origin: url })
    await once(socket, 'open')
    socket.close()
    expect((await once(socket, 'close'))[0]).toBe(1005)
    await expectNobodyLeft()
  })

  test('that is asked for wrongly is answered with a problem', async () => {
    expect(await refused('/api/feed')).toMatchObject({ status: 400, fields: ['channels'] })
    expect(await refused('/api/feed?channels=a&channels=b')).toMatchObject({
      status: 400,
      fields: ['channels'],
    })
    expect(await refused(`/api/feed?channels=a&after=${'x'.repeat(5000)}`)).toMatchObject({ status: 414 })
    for (const [name, value] of [
      ['sec-websocket-version', '7'],
      ['sec-websocket-key', 'x'],
    ] as const)
      expect(await refused('/api/feed?channels=a', { [name]: value })).toMatchObject({ status: 400 })
    port.error = new DatabaseError('down')
    expect(await refused('/api/feed?channels=b')).toMatchObject({ status: 502 })
    await expectNobodyLeft()
    expect([...port.listeners].map(({ channel }) => channel)).toEqual(['a'])
  })

  test.each([
    ['in a version that is not known', 'GET', '7', 400, { 'sec-websocket-version': '13, 8' }],
    ['by another method', 'POST', '13', 405, { allow: 'GET, HEAD' }],
  ] as const)('that is asked for %s is told what there is', async (_how, method, version, status, told) => {
    const headers = { ...handshake, 'sec-websocket-version': version }
    const request = http.request(`${url}/api/feed?channels=a`, { method, headers }).end()
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    response.resume()
    expect(response.statusCode).toBe(status)
    expect(response.headers).toMatchObject({ ...told, 'content-type': 'application/problem+json' })
  })

  test.each([
    ['/api/run/combine?sku=A-42', 'websocket', 200],
    ['/api/feed?channels=a', 'h2c', 200],
    ['/nope', 'websocket', 404],
  ])(
    '%s with an upgrade to %s is answered as if it had not been asked for',
    async (path, protocol, status) => {
      expect((await getWith(path, { connection: 'Upgrade', upgrade: protocol })).status).toBe(status)
    },
  )
})

describe('what is refused', () => {
  test.each([
    ['', ['channels']],
    ['?channels=', ['channels']],
    ['?channels=a,', ['channels']],
    ['?channels=a,a', ['channels']],
    ['?channels=a%20b', ['channels']],
    [`?channels=${'a'.repeat(64)}`, ['channels']],
    [`?channels=${Array.from({ length: 101 }, (_, i) => i).join()}`, ['channels']],
    ['?channels=a&after=x', ['after']],
    ['?channels=a&after=0123abcd-01', ['after']],
    ['?channels=a&waitMs=30001', ['waitMs']],
    ['?channels=a&waitMs=-1', ['waitMs']],
    ['?channels=a&capacity=0', ['capacity']],
    ['?channels=a&capacity=101', ['capacity']],
    ['?channels=a&style=fibers', ['style']],
    ['?channels=a&x=1', ['x']],
    ['?wait=1&capacity=x', ['wait', 'channels', 'capacity']],
  ])('GET /api/feed%s', async (query, fields) => {
    for (const accept of ['application/json', 'text/event-stream'])
      expect(await problemOf(get(query, { accept }))).toMatchObject({ status: 400, fields })
    expect(port.listeners.size).toBe(0)
  })

  test('an id in the header that is none', async () => {
    const headers = { accept: 'text/event-stream', 'last-event-id': 'x' }
    expect(await problemOf(get('?channels=a', headers))).toMatchObject({
      status: 400,
      fields: ['Last-Event-ID'],
    })
  })

  test.each([
    ['a', { text: 'x'.repeat(8000) }, ['text']],
    ['a', { text: '€'.repeat(2667) }, ['text']],
    ['a', { text: '\0' }, ['text']],
    ['a', { text: 1 }, ['text']],
    ['a', {}, ['text']],
    ['a', { text: '', more: 1 }, ['more']],
    ['a%20b', { text: '' }, ['channel']],
    ['a'.repeat(64), { text: '\0' }, ['channel', 'text']],
  ])('POST /api/feed/%s %j', async (channel, body, fields) => {
    expect(await problemOf(post(channel, body))).toMatchObject({ status: 400, fields })
  })

  test('a message from a page of another site, and one that is too large to be read', async () => {
    expect(await problemOf(post('a', { text: '' }, { 'sec-fetch-site': 'cross-site' }))).toMatchObject({
      status: 403,
    })
    expect((await post('a', { text: '' }, { 'sec-fetch-site': 'same-origin' })).status).toBe(204)
    expect(await problemOf(post('a', { text: 'x'.repeat(17_000) }))).toMatchObject({ status: 413 })
    expect((await post('a', { text: 'x'.repeat(7999) })).status).toBe(204)
  })

  test('a channel more than can be followed, and a follower more than can be served', async () => {
    await listen({ channels: 2, followers: 2 })
    const [first] = await Promise.all(followed.map(({ open }) => open(url, { channels: 'a,b' })))
    const events = { accept: 'text/event-stream' }
    expect(await problemOf(get('?channels=c'))).toMatchObject({ status: 503 })
    expect(await problemOf(get('?channels=a', events))).toMatchObject({ status: 503 })
    expect(await problemOf(get('?channels=a&waitMs=1000'))).toMatchObject({ status: 503 })
    expect(await refused('/api/feed?channels=a')).toMatchObject({ status: 503 })
    expect((await get('?channels=a')).status).toBe(200)
    first?.leave()
    await until(async () => (await followers('events')) === 0)
    const next = await clients['server-sent events'](url, { channels: 'a' })
    next.leave()
  })

  test('all while the database is down, and nothing is left of it', async () => {
    port.error = new DatabaseError('down', { code: 'ECONNREFUSED' })
    for (const headers of [{}, { accept: 'text/event-stream' }])
      expect(await problemOf(get('?channels=a', headers as Record<string, string>))).toMatchObject({
        status: 502,
      })
    await expectNobodyLeft()
    port.error = null
    expect((await get('?channels=a')).status).toBe(200)
  })
})

describe('the failure of a channel', () => {
  test.each(followedEverywhere)('is told over $way in $style', async ({ way, open, style }) => {
    const client = await open(url, { channels: 'a,b', style })
    await sleep(5)
    port.fail('b', new DatabaseError('secret'))
    expect(await client.end).toMatchObject(way === 'WebSocket' ? { code: 1011 } : { status: 502 })
    expect(JSON.stringify(await client.end)).not.toContain('secret')
    await expectNobodyLeft()
    const back = await open(url, { channels: 'b', style })
    await post('b', { text: '1' })
    await until(() => back.entries.length === 1)
    back.leave()
  })

  test('is told to who waits', async () => {
    const waiting = problemOf(get('?channels=a&waitMs=30000'))
    await until(async () => (await followers('long-poll')) === 1)
    await sleep(5)
    port.fail('a', new DatabaseError('secret'))
    expect(await waiting).toMatchObject({ status: 502 })
    await expectNobodyLeft()
  })
})

describe('a run of subscribe', () => {
  /** Its lines so far, and how to leave. */
  async function run(style: string) {
    const left = new AbortController()
    const request = fetch(`${url}/api/run/subscribe?channels=a,b&style=${style}`, { signal: left.signal })
    await until(() => port.listeners.size === 2)
    await sleep(5)
    await port.notify('b', '1')
    const response = await request
    const lines: unknown[] = []
    const end = (async () => {
      for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? [])
        lines.push(
          ...chunk
            .trim()
            .split('\n')
            .map((line) => JSON.parse(line) as unknown),
        )
    })().catch(() => {})
    return { response, lines, end, leave: () => left.abort() }
  }

  test.each(styleNames)('in %s sends a line for each message, until the client leaves', async (style) => {
    const { response, lines, end, leave } = await run(style)
    expect(response.headers.get('content-type')).toBe('application/x-ndjson')
    await port.notify('a', '2')
    await until(() => lines.length === 2)
    expect(lines).toMatchObject([
      { result: { channel: 'b', text: '1' } },
      { result: { channel: 'a', text: '2' } },
    ])
    leave()
    await end
    await until(() => port.listeners.size === 0)
    await expectNobodyLeft()
  })

  test.each(styleNames)('in %s is told at once that the server is closing', async (style) => {
    const { lines, end } = await run(style)
    expect(await app.drain(10_000)).toBe(true)
    await end
    expect(lines.at(-1)).toMatchObject({ problem: { status: 503 } })
    expect(port.listeners.size).toBe(0)
  })

  test('is refused what it cannot listen to', async () => {
    const query = 'channels=a,a&capacity=0'
    expect(await problemOf(fetch(`${url}/api/run/subscribe?${query}`))).toMatchObject({
      status: 400,
      fields: ['channels', 'capacity'],
    })
    port.error = new DatabaseError('down')
    expect(await problemOf(fetch(`${url}/api/run/subscribe?channels=a`))).toMatchObject({ status: 502 })
  })
})

describe('a swap', () => {
  test('lets followers go on in the style that they began in, and they drain where they came by default', async () => {
    const all = await Promise.all([
      clients['server-sent events'](url, { channels: 'a' }),
      clients.WebSocket(url, { channels: 'a' }),
      clients.WebSocket(url, { channels: 'a', style: 'promises' }),
    ])
    await fetch(`${url}/api/style`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: '{"style":"effect"}',
    })
    const later = await clients.WebSocket(url, { channels: 'a' })
    const { styles: lanes } = (await (await fetch(`${url}/api/styles`)).json()) as { styles: object[] }
    expect(lanes).toMatchObject([
      { name: 'callbacks', running: 0 },
      { name: 'promises', running: 3, draining: 2 },
      { name: 'generators', running: 0 },
      { name: 'observables', running: 0 },
      { name: 'effect', running: 1, draining: 0 },
    ])
    await sleep(5)
    await send(3, { channels: ['a'] })
    for (const { entries } of [...all, later]) {
      await until(() => entries.length === 3)
      expect(entries.map(({ text }) => text)).toEqual(['0', '1', '2'])
    }
    for (const { leave } of [...all, later]) leave()
    await expectNobodyLeft()
  })
})

describe('the end of the server', () => {
  test('is told to all who follow before what runs has finished, and does not wait for them', async () => {
    const all = await Promise.all(followed.map(({ open }) => open(url, { channels: 'a' })))
    const waiting = problemOf(get('?channels=a&waitMs=30000'))
    await until(async () => (await followers('long-poll')) === 1)
    port.holding = true
    const run = fetch(`${url}/api/run/combine?sku=A-42`)
    await until(async () => (await metric('overlap_runs_running{style="promises"}')) === 4)
    const drained = app.drain(10_000)
    const ends = await Promise.all(all.map(({ end }) => end))
    expect(ends).toMatchObject([{ status: 503 }, { code: 1001, reason: 'The server is closing.' }])
    expect(await waiting).toMatchObject({ status: 503 })
    expect(await problemOf(get('?channels=a'))).toMatchObject({ status: 503 })
    expect(await refused('/api/feed?channels=a')).toMatchObject({ status: 503 })
    expect(await problemOf(post('a', { text: '' }))).toMatchObject({ status: 503 })
    expect(await Promise.race([drained, sleep(20, 'not yet')])).toBe('not yet')
    port.release()
    expect((await run).status).toBe(200)
    expect(await drained).toBe(true)
  })

  test('does not wait for those who do not read either, and leaves nothing', async () => {
    const all = await Promise.all(followed.map(({ open }) => open(url, { channels: 'a' })))
    for (const client of all) client.pause()
    await until(() => port.listeners.size === 1)
    await send(1, { channels: ['a'], padding: 'x'.repeat(12_000_000) })
    await sleep(20)
    expect(await app.drain(1000)).toBe(true)
    await app.close()
    expect(port.listeners.size).toBe(0)
    for (const client of all) client.resume()
    await Promise.all(all.map(({ end }) => end))
  })
})

describe('nothing is left', () => {
  test('of all who have come and gone in every way, while messages flow', async () => {
    // Longer than a busy machine takes from one poll to the next.
    await listen({ idleMs: 1_000, beatMs: 100 })
    const started = vi.spyOn(globalThis, 'setInterval')
    const cleared = vi.spyOn(globalThis, 'clearInterval')
    const over = new AbortController()
    const flow = (async () => {
      for (let i = 0; !over.signal.aborted; i += 10) await send(10, { from: i })
    })()
    await Promise.all(
      everywhere.map(async ({ open, style }, index) => {
        for (let i = 0; i < 3; i++) {
          const client = await open(url, { channels: index % 2 ? 'a' : 'a,b', style })
          await until(() => client.entries.length > 2)
          expect(client.entries.filter(({ text }) => text === null)).toEqual([])
          client.leave()
        }
      }),
    )
    over.abort()
    await flow
    await expectNobodyLeft()
    await until(() => port.listeners.size === 0)
    const timers = started.mock.results.map(({ value }) => value as unknown)
    expect(timers.length).toBeGreaterThan(1)
    for (const timer of timers) expect(cleared).toHaveBeenCalledWith(timer)
    vi.restoreAllMocks()
    const connections = await new Promise((resolve) =>
      app.server.getConnections((_error, open) => resolve(open)),
    )
    // Those that are kept alive for polling.
    expect(connections).toBeLessThanOrEqual(20)
  })
})

describe('on Postgres', () => {
  test('all four ways in all styles deliver what is sent, also after the connection that listens is lost', async () => {
    const backend = await startBackend(5)
    const server = buildApp({ port: backend.port, styles, initialStyle: 'promises', log: silent })
    try {
      const address = await server.listen({ port: 0, host: '127.0.0.1' })
      const all: Client[] = await Promise.all(
        everywhere.map(({ open, style }) => open(address, { channels: 'a,b', style } satisfies Asked)),
      )
      const sendTo = async (channel: string, text: string) => {
        const response = await fetch(`${address}/api/feed/${channel}`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ text }),
        })
        expect(response.status).toBe(204)
      }
      for (let i = 0; i < 20; i++) await sendTo(i % 2 ? 'a' : 'b', String(i))
      const texts = (entries: Entry[]) => entries.map(({ text }) => text)
      const numbers = Array.from({ length: 20 }, (_, i) => String(i))
      for (const { entries } of all) {
        await until(() => entries.length === 20)
        expect(texts(entries)).toEqual(numbers)
      }
      await backend.cutChannels()
      for (const { entries } of all) {
        await until(() => entries.length === 22)
        expect(texts(entries).slice(20)).toEqual([null, null])
      }
      await sendTo('a', 'again')
      for (const { entries } of all) await until(() => entries.at(-1)?.text === 'again')
      for (const { leave } of all) leave()
    } finally {
      await server.close()
      await until(() => backend.port.stats().channels === 0)
      await backend.stop()
    }
  }, 30_000)
})
