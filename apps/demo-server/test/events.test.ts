/** Server-sent events, over real sockets: what listeners are told, and when they are let go. */
import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'
import http from 'node:http'
import type { FastifyInstance } from 'fastify'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { EventHub } from '../src/event-hub.ts'
import { buildApp } from '../src/app.ts'
import { readTraceparent } from '../src/audiences.ts'
import { styles } from '../src/styles.ts'
import { framesOf } from './frames-of.ts'
import { ScriptedPort } from './scripted-port.ts'
import { silent } from './silent.ts'

let port: ScriptedPort
let app: FastifyInstance
let url: string

beforeEach(async () => {
  port = new ScriptedPort()
  app = buildApp({ port, styles, initialStyle: 'promises', log: silent })
  url = await app.listen({ port: 0, host: '127.0.0.1' })
})
afterEach(() => app.close())

interface Heard {
  id: number
  name: string
  data: {
    run: number
    scenario: string
    style: string
    call?: string
    event: string
    atMs: number
    parentId?: string
  }
}

/** Everything that is heard so far, live. */
async function listen(query = '') {
  const controller = new AbortController()
  const response = await fetch(`${url}/api/events${query}`, { signal: controller.signal })
  const heard: Heard[] = []
  const listener = { response, heard, ended: false, leave: () => controller.abort() }
  void (async () => {
    for await (const frame of framesOf(response)) {
      const [, id, name, data] = /^id: (\d+)\nevent: (\w+)\ndata: (.*)$/.exec(frame) ?? []
      if (id && name && data) heard.push({ id: Number(id), name, data: JSON.parse(data) as Heard['data'] })
    }
    listener.ended = true
  })().catch(() => {})
  return listener
}

const traceId = '0af7651916cd43dd8448eb211c80319c'
const parentIds = ['b7ad6b7169203331', '00f067aa0ba902b7'] as const
const traceparent = (parentId: string, trace = traceId) => ({ traceparent: `00-${trace}-${parentId}-01` })
const run = (scenario: string, headers: Record<string, string> = {}) =>
  fetch(`${url}/api/run/${scenario}?sku=A-42`, { headers })

describe('events of a trace', () => {
  test('tell its runs alone, and which of its requests each was', async () => {
    const [everybody, follower] = await Promise.all([listen(), listen(`?trace=${traceId}`)])
    await run('combine', traceparent(parentIds[0]))
    await run('sequence')
    await run('sequence', traceparent(parentIds[0], traceId.replace('0', '1')))
    await run('sequence', traceparent(parentIds[1]))
    await vi.waitUntil(() => follower.heard.length === 16 && everybody.heard.length === 32)
    const requests = follower.heard.map(({ data }) => `${data.scenario} ${data.parentId}`)
    expect(new Set(requests)).toEqual(new Set([`combine ${parentIds[0]}`, `sequence ${parentIds[1]}`]))
    expect(new Set(follower.heard.map(({ data }) => data.run)).size).toBe(2)
    expect(everybody.heard.every(({ data }) => !('parentId' in data))).toBe(true)
    everybody.leave()
    follower.leave()
  })

  test('have nobody else watched, and are watched by nobody once their listener has left', async () => {
    const other = await listen(`?trace=${traceId.replace('0', '2')}`)
    const { leave } = await listen(`?trace=${traceId}`)
    await run('combine')
    await run('combine', traceparent(parentIds[0], traceId.replace('0', '1')))
    await run('combine', traceparent(parentIds[0]))
    leave()
    await vi.waitUntil(async () => {
      await run('combine', traceparent(parentIds[0]))
      return port.runs.at(-1)?.observe === undefined
    })
    expect(port.runs.slice(0, 3).map(({ observe }) => observe !== undefined)).toEqual([false, false, true])
    other.leave()
  })

  test('are heard from the first one on by whoever has received the head', async () => {
    for (let i = 0; i < 20; i++) {
      const { heard, leave } = await listen(`?trace=${traceId}`)
      await run('combine', traceparent(parentIds[0]))
      await vi.waitUntil(() => heard.length > 0)
      expect(heard[0]).toMatchObject({ name: 'run', data: { event: 'started', atMs: expect.any(Number) } })
      leave()
    }
  })

  test('go on after the run has been answered, until its calls have ended', async () => {
    port.holding = true
    const { heard, leave } = await listen(`?trace=${traceId}`)
    const answered = fetch(`${url}/api/run/combine?sku=A-42&abortMs=1`, {
      headers: traceparent(parentIds[0]),
    })
    expect((await answered).status).toBe(504)
    const observe = port.runs[0]?.observe
    observe?.('findStock', 'stopped', 0)
    await vi.waitUntil(() => heard.at(-1)?.data.event === 'stopped')
    expect(heard.at(-2)).toMatchObject({ name: 'run', data: { event: 'cancelled' } })
    expect(heard.at(-1)?.data).toMatchObject({ call: 'findStock', parentId: parentIds[0] })
    leave()
  })

  test.each([
    '',
    'x',
    traceId.toUpperCase(),
    `${traceId}0`,
    '0'.repeat(32),
    `${traceId}&trace=${traceId}`,
    `${traceId}&style=effect`,
  ])('are refused for %j', async (value) => {
    const response = await fetch(`${url}/api/events?trace=${value}`)
    expect(response.status).toBe(400)
    const { errors } = (await response.json()) as { errors: { field: string }[] }
    expect(errors.map(({ field }) => field)).toEqual([value.includes('style') ? 'style' : 'trace'])
  })
})

describe('a traceparent', () => {
  const parentId = parentIds[0]

  test.each([
    `00-${traceId}-${parentId}-00`,
    `00-${traceId}-${parentId}-ff`,
    `cc-${traceId}-${parentId}-01`,
    `cc-${traceId}-${parentId}-01-what-the-future-will-be-like`,
  ])('of %j is read', (header) => {
    expect(readTraceparent(header)).toEqual([traceId, parentId])
  })

  test.each([
    undefined,
    '',
    [`00-${traceId}-${parentId}-01`],
    `00-${traceId}-${parentId}-01-more`,
    `00-${traceId}-${parentId}-0`,
    `00-${traceId}-${parentId}`,
    `00-${traceId.toUpperCase()}-${parentId}-01`,
    `00-${traceId}-${parentId.toUpperCase()}-01`,
    `00-${'0'.repeat(32)}-${parentId}-01`,
    `00-${traceId}-${'0'.repeat(16)}-01`,
    `ff-${traceId}-${parentId}-01`,
    `cc-${traceId}-${parentId}-01.more`,
    `0-${traceId}-${parentId}-01`,
    ` 00-${traceId}-${parentId}-01`,
    `00-${traceId}-${parentId}-01\n`,
    `00_${traceId}_${parentId}_01`,
  ])('of %j is ignored', (header) => {
    expect(readTraceparent(header)).toEqual([])
  })
})

describe('events', () => {
  test('tell a run and its calls, in order, under ids that grow', async () => {
    const { response, heard, leave } = await listen()
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    await fetch(`${url}/api/run/sequence?sku=A-42&style=effect`)
    await vi.waitUntil(() => heard.length === 8)
    expect(
      heard.map(({ name, data: { call, event } }) => [name, call, event].filter(Boolean).join(' ')),
    ).toEqual([
      'run started',
      'call findStock started',
      'call findStock sent',
      'call findStock succeeded',
      'call fetchReservation started',
      'call fetchReservation sent',
      'call fetchReservation succeeded',
      'run succeeded',
    ])
    for (const { data } of heard)
      expect(data).toMatchObject({
        run: expect.any(Number),
        scenario: 'sequence',
        style: 'effect',
        atMs: expect.any(Number),
      })
    expect(new Set(heard.map(({ data }) => data.run)).size).toBe(1)
    expect(heard.map(({ id }) => id)).toEqual(heard.map((_, i) => (heard[0]?.id ?? 0) + i))
    leave()
  })

  test('tell of a client that left, and of calls that were cancelled and have stopped', async () => {
    port.holding = true
    const { heard, leave } = await listen()
    const controller = new AbortController()
    const left = fetch(`${url}/api/run/combine?sku=A-42`, { signal: controller.signal }).catch(
      (error: unknown) => error,
    )
    await vi.waitUntil(() => heard.length === 5)
    controller.abort()
    expect(await left).toBeInstanceOf(DOMException)
    await vi.waitUntil(() => heard.length === 10)
    expect(heard.slice(5).map(({ data }) => data.event)).toEqual([
      'cancelled',
      'stopped',
      'cancelled',
      'stopped',
      'cancelled',
    ])
    expect(heard.at(-1)?.name).toBe('run')
    leave()
  })

  test('tell nothing of a run that began before anybody listened', async () => {
    port.holding = true
    const running = fetch(`${url}/api/run/combine?sku=A-42`)
    await vi.waitUntil(() => port.runs.length === 1)
    const { heard, leave } = await listen()
    port.release()
    await running
    const next = fetch(`${url}/api/run/sequence?sku=A-42`)
    await vi.waitUntil(() => heard.length > 0)
    port.holding = false
    port.release()
    await next
    expect(heard[0]).toMatchObject({ name: 'run', data: { scenario: 'sequence', event: 'started' } })
    leave()
  })

  test.each(['', `?trace=${traceId}`])('of %j end when the server closes', async (query) => {
    const listener = await listen(query)
    await app.close()
    await vi.waitUntil(() => listener.ended)
  })

  test('have at most 100 listeners, and a place is free again once one leaves', async () => {
    const listeners = await Promise.all(
      Array.from({ length: 100 }, (_, i) => listen(i % 2 ? '' : `?trace=${traceId}`)),
    )
    const refused = await fetch(`${url}/api/events`)
    expect(refused.status).toBe(503)
    expect(refused.headers.get('retry-after')).toBe('5')
    listeners[0]?.leave()
    await vi.waitUntil(async () => {
      const controller = new AbortController()
      const { status } = await fetch(`${url}/api/events`, { signal: controller.signal })
      controller.abort()
      return status === 200
    })
    for (const { leave } of listeners) leave()
  })

  test('a listener that does not read is dropped, and the others are not', async () => {
    const hub = new EventHub()
    const server = http.createServer((_request, response) => hub.listen(response)).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = (server.address() as AddressInfo).port
    const deaf = net.connect(address, '127.0.0.1').pause()
    deaf.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    const reading = net.connect(address, '127.0.0.1').resume()
    reading.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await vi.waitUntil(() => hub.listening)
    let connections = 2
    const count = () => server.getConnections((_error, open) => (connections = open))
    await vi.waitUntil(
      () => {
        hub.publish('call', 'x'.repeat(100_000))
        count()
        return connections === 1
      },
      { interval: 1, timeout: 5000 },
    )
    expect(hub.listening).toBe(true)
    expect(reading.destroyed).toBe(false)
    reading.destroy()
    deaf.destroy()
    await vi.waitUntil(() => !hub.listening)
    server.close()
  })
})
