/** The echo servers and the run of `echo`, over real TCP: they need neither Postgres nor HTTP. */
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import net, { type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { openPort } from '@overlap/backend'
import { type Style, styleNames } from '@overlap/workload'
import type { FastifyInstance } from 'fastify'
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest'
import { buildApp } from '../src/app.ts'
import { EchoServers } from '../src/echo-servers.ts'
import { styles } from '../src/styles.ts'
import { silent } from './silent.ts'

const MIB = 2 ** 20
const host = '127.0.0.1'
const port = openPort({
  databaseUrl: 'postgres://127.0.0.1:1/none',
  upstreamUrls: ['http://127.0.0.1:1'],
  poolMax: 1,
})
const clients = new Set<Socket>()
let echo: EchoServers
let app: FastifyInstance | undefined

afterEach(async () => {
  for (const client of clients) client.destroy()
  clients.clear()
  await echo.drain(0)
  await app?.close()
  app = undefined
})
afterAll(() => port.close())

async function listen(
  options: Partial<ConstructorParameters<typeof EchoServers>[0]> = {},
  firstPort = 0,
): Promise<void> {
  echo = new EchoServers({ port, styles, connections: 1000, log: silent, ...options })
  await echo.listen(firstPort, host)
}

/** Connects to a style's server. It may end its output and go on reading. */
const connect = (style: string) => connectTo(echo.addressOf(style) ?? 'nowhere')

async function connectTo(hostAndPort: string): Promise<Socket> {
  const address = new URL(`tcp://${hostAndPort}`)
  const client = net.connect({ host: address.hostname, port: Number(address.port), allowHalfOpen: true })
  clients.add(client)
  client.on('error', () => {})
  await once(client, 'connect')
  return client
}

async function codeOf(error: Promise<unknown>): Promise<string | undefined> {
  // A cast, because whatever was thrown may have a code.
  return ((await error) as NodeJS.ErrnoException).code
}

async function readAll(client: Socket): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of client) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

const hashOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
const statsOf = (style: string) => echo.stats().get(style)
const settled = (style: string) => vi.waitUntil(() => statsOf(style)?.open === 0)

/** Waits until the server has taken nothing more of a client for a while, and tells how much it has taken. */
async function stalled(style: string): Promise<number> {
  let bytes = -1
  for (let still = 0; still < 100; still++) {
    await sleep(2)
    const now = statsOf(style)?.bytes ?? 0
    if (now > bytes) still = 0
    bytes = now
  }
  return bytes
}

describe.each(styleNames)('the echo server of %s', (style) => {
  test('sends 32 MiB back to a slow reader, every byte, and waits for it', { timeout: 30_000 }, async () => {
    await listen()
    const bytes = randomBytes(32 * MIB)
    const client = await connect(style)
    client.end(bytes)
    // Half of it at least is still with the client: nobody here holds it.
    expect(await stalled(style)).toBeLessThan(bytes.length / 2)
    expect(client.writableLength).toBe(bytes.length)
    const hash = createHash('sha256')
    for await (const chunk of client) {
      hash.update(chunk as Buffer)
      if (client.bytesRead % 64 === 0) await sleep(1)
    }
    expect(hash.digest('hex')).toBe(hashOf(bytes))
    await settled(style)
    expect(statsOf(style)).toEqual({
      open: 0,
      bytes: bytes.length,
      succeeded: 1,
      failed: 0,
      cancelled: 0,
      refused: 0,
    })
  })

  test('answers each line at once, and ends when its client has ended', async () => {
    await listen()
    const client = await connect(style)
    for (const line of ['hello\n', 'and\n', 'good bye\n']) {
      client.write(line)
      expect(String((await once(client, 'data'))[0])).toBe(line)
    }
    client.end('last')
    expect(String(await readAll(client))).toBe('last')
    await settled(style)
    expect(statsOf(style)).toMatchObject({ succeeded: 1, bytes: 23 })
  })

  test('sends nothing back to who sends nothing', async () => {
    await listen()
    const client = await connect(style)
    client.end()
    expect(await readAll(client)).toHaveLength(0)
    await settled(style)
  })

  test('outlives clients that reset their connections, reading or not', async () => {
    await listen()
    const [other, reading, flooding] = [await connect(style), await connect(style), await connect(style)]
    await vi.waitUntil(() => statsOf(style)?.open === 3)
    reading.resetAndDestroy()
    flooding.write(Buffer.alloc(64 * MIB))
    await stalled(style)
    flooding.resetAndDestroy()
    await vi.waitUntil(() => statsOf(style)?.open === 1)
    expect(statsOf(style)).toMatchObject({ failed: 2, cancelled: 0 })
    other.end('still here')
    expect(String(await readAll(other))).toBe('still here')
  })

  test('echoes 200 clients at once, each its own bytes', async () => {
    await listen()
    const all = Array.from({ length: 200 }, async () => {
      const bytes = randomBytes(100_000)
      const client = await connect(style)
      client.end(bytes)
      expect(hashOf(await readAll(client))).toBe(hashOf(bytes))
    })
    await Promise.all(all)
    await settled(style)
    expect(statsOf(style)).toMatchObject({ succeeded: 200, bytes: 20_000_000 })
  })

  test('resets what has not ended when it is closed and the grace is over', async () => {
    await listen()
    const [quick, slow] = [await connect(style), await connect(style)]
    slow.write(Buffer.alloc(64 * MIB))
    await stalled(style)
    const gone = codeOf(once(slow, 'error').then(([error]) => error as unknown))
    const address = echo.addressOf(style) ?? ''
    const drained = echo.drain(100)
    expect(await codeOf(connectTo(address).catch((error: unknown) => error))).toBe('ECONNREFUSED')
    quick.end('in time')
    expect(String(await readAll(quick))).toBe('in time')
    expect(await drained).toBe(false)
    // Its own write notices it, or its read.
    expect(['ECONNRESET', 'EPIPE']).toContain(await gone)
    expect(statsOf(style)).toMatchObject({ open: 0, succeeded: 1, cancelled: 1 })
  })

  test('answers a run with what it held, which is little', { timeout: 30_000 }, async () => {
    await listen()
    app = buildApp({ port, styles, initialStyle: 'promises', log: silent })
    const query = `style=${style}&bytes=${64 * MIB}&pauseMs=200`
    const response = await app.inject(`/api/run/echo?${query}`)
    expect(response.statusCode).toBe(200)
    const { result } = response.json<{ result: Record<string, number> }>()
    expect(result['bytes']).toBe(64 * MIB)
    expect(result['chunks']).toBeGreaterThan((64 * MIB) / (4 * 65_536))
    // A chunk, and what Node reads ahead: each is at most its mark, and what one read of the system brings.
    expect(result['mostHeldBytes']).toBeLessThanOrEqual(4 * 65_536)
    expect(result['bytesReadInPause']).toBeGreaterThan(0)
    expect(result['bytesReadInPause']).toBeLessThan(32 * MIB)
  })

  test('lets both sockets go when the client of a run leaves', async () => {
    await listen()
    app = buildApp({ port, styles, initialStyle: 'promises', log: silent })
    const url = await app.listen({ port: 0, host })
    const sockets = () => process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length
    const before = sockets()
    const left = new AbortController()
    const query = `style=${style}&bytes=${64 * MIB}&pauseMs=10000`
    const run = fetch(`${url}/api/run/echo?${query}`, { signal: left.signal }).catch(
      (error: unknown) => error,
    )
    // Its own two ends, and the request's.
    await vi.waitUntil(() => sockets() >= before + 4)
    left.abort()
    await run
    await vi.waitUntil(() => sockets() <= before + 1)
    expect(await (await fetch(`${url}/metrics`)).text()).toContain(
      `overlap_runs_total{scenario="echo",style="${style}",outcome="cancelled"} 1\n`,
    )
  })
})

describe('the echo servers', () => {
  test('listen on consecutive ports, in the order of the styles, and /api/styles tells where', async () => {
    const first = await vi.waitFor(async () => {
      // Below those that the system hands out by itself; another try if one of them is taken all the same.
      const firstPort = 10_000 + Math.floor(Math.random() * 20_000)
      await listen({}, firstPort)
      return firstPort
    })
    app = buildApp({ port, styles, initialStyle: 'effect', echo, log: silent })
    const report = (await app.inject('/api/styles')).json<{ styles: { name: string; echo: string }[] }>()
    expect(report.styles.map(({ name, echo: address }) => [name, address])).toEqual(
      styleNames.map((name, index) => [name, `${host}:${first + index}`]),
    )
    await app.close()
    expect(echo.addressOf('effect')).toBeNull()
  })

  test('are not there when the server has none', async () => {
    await listen()
    app = buildApp({ port, styles, initialStyle: 'effect', log: silent })
    const report = (await app.inject('/api/styles')).json<{ styles: { echo: null }[] }>()
    expect(report.styles.map((one) => one.echo)).toEqual(styleNames.map(() => null))
  })

  test('close a connection too many at once, and count it', async () => {
    await listen({ connections: 2 })
    const two = [await connect('effect'), await connect('effect')]
    await vi.waitUntil(() => statsOf('effect')?.open === 2)
    const third = await connect('effect')
    expect(await readAll(third)).toHaveLength(0)
    expect(statsOf('effect')).toMatchObject({ open: 2, refused: 1 })
    // Each style has its own.
    const other = await connect('promises')
    other.end('hello')
    expect(String(await readAll(other))).toBe('hello')
    two[0]?.end()
    await vi.waitUntil(() => statsOf('effect')?.open === 1)
    const fourth = await connect('effect')
    fourth.end('hello')
    expect(String(await readAll(fourth))).toBe('hello')
  })

  test('reset a connection over which no byte goes for too long, and none that is busy', async () => {
    await listen({ idleMs: 200 })
    const [idle, busy] = [await connect('generators'), await connect('generators')]
    const gone = codeOf(once(idle, 'error').then(([error]) => error as unknown))
    while (!idle.destroyed) {
      busy.write('x')
      await once(busy, 'data')
      await sleep(10)
    }
    expect(await gone).toBe('ECONNRESET')
    expect(statsOf('generators')).toMatchObject({ open: 1, cancelled: 1 })
  })

  test('log a style that throws, and go on', async () => {
    const defect = new Error('a bug')
    const log = { error: vi.fn<(what: object, message: string) => void>() }
    const [first] = styles
    let calls = 0
    const echoOrThrow: Style['echo'] = async (...args) => {
      // Not before its client knows that it is connected.
      if (calls++ === 0) await sleep(20)
      else if (first) return first.echo(...args)
      throw defect
    }
    await listen({ styles: [{ ...(first as Style), name: 'faulty', echo: echoOrThrow }], log })
    const broken = await connect('faulty')
    await vi.waitUntil(() => broken.closed)
    expect(log.error).toHaveBeenCalledExactlyOnceWith({ err: defect, style: 'faulty' }, 'a defect')
    const next = await connect('faulty')
    next.end('hello')
    expect(String(await readAll(next))).toBe('hello')
  })

  test('are counted by style', async () => {
    await listen()
    app = buildApp({ port, styles, initialStyle: 'effect', echo, log: silent })
    const [ended, open] = [await connect('observables'), await connect('callbacks')]
    ended.end('hello')
    await readAll(ended)
    open.write('hi')
    await once(open, 'data')
    await settled('observables')
    const metrics = (await app.inject('/metrics')).body
    for (const line of [
      'overlap_echo_connections{style="callbacks"} 1',
      'overlap_echo_connections{style="observables"} 0',
      'overlap_echo_connections_total{style="observables",outcome="succeeded"} 1',
      'overlap_echo_connections_total{style="observables",outcome="refused"} 0',
      'overlap_echo_bytes_total{style="callbacks"} 2',
      'overlap_echo_bytes_total{style="observables"} 5',
    ])
      expect(metrics.split('\n')).toContain(line)
  })
})
