/** Server-sent events, over real sockets: what listeners are told, and when they are let go. */
import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'
import http from 'node:http'
import type { FastifyInstance } from 'fastify'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { EventHub } from '../src/event-hub.ts'
import { buildApp } from '../src/app.ts'
import { styles } from '../src/styles.ts'
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
  data: { run: number; scenario: string; style: string; call?: string; event: string; atMs: number }
}

/** Everything that is heard so far, live. */
async function listen() {
  const controller = new AbortController()
  const response = await fetch(`${url}/api/events`, { signal: controller.signal })
  const heard: Heard[] = []
  const listener = { response, heard, ended: false, leave: () => controller.abort() }
  void (async () => {
    let text = ''
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += chunk
      const frames = text.split('\n\n')
      text = frames.pop() ?? ''
      for (const frame of frames) {
        const [, id, name, data] = /^id: (\d+)\nevent: (\w+)\ndata: (.*)$/.exec(frame) ?? []
        if (id && name && data) heard.push({ id: Number(id), name, data: JSON.parse(data) as Heard['data'] })
      }
    }
    listener.ended = true
  })().catch(() => {})
  return listener
}

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

  test('end when the server closes', async () => {
    const listener = await listen()
    await app.close()
    await vi.waitUntil(() => listener.ended)
  })

  test('have at most 100 listeners, and a place is free again once one leaves', async () => {
    const listeners = await Promise.all(Array.from({ length: 100 }, listen))
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
