/** On real sockets. What an hour of latency holds back does not come while a test runs. */
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import net, { type AddressInfo, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { startFaultProxy, toxicStreams, type FaultProxy, type ToxicInput } from '../src/index.ts'
import { runScript } from './child.ts'
import { eventually } from './eventually.ts'

const HOUR_MS = 3_600_000
const MIB = 2 ** 20

let upstream: net.Server
let accepted: Socket[]
let proxy: FaultProxy
let opened: Socket[]

beforeEach(async () => {
  accepted = []
  opened = []
  upstream = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    socket.on('error', () => {})
    accepted.push(socket)
  })
  upstream.listen(0, '127.0.0.1')
  await once(upstream, 'listening')
  proxy = await startFaultProxy({ upstream: addressOf(upstream) })
})
afterEach(async () => {
  for (const socket of [...opened, ...accepted]) socket.destroy()
  await proxy.stop()
  upstream.close()
})

function addressOf(server: net.Server) {
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port }
}

/** Starts another one, on the same upstream. */
async function replaceProxy(options: { random?: () => number; upstream?: { host: string; port: number } }) {
  await proxy.stop()
  proxy = await startFaultProxy({ upstream: addressOf(upstream), ...options })
}

function connect(port = proxy.port): Socket {
  const client = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
  client.on('error', () => {})
  opened.push(client)
  return client
}

interface Pair {
  readonly client: Socket
  readonly server: Socket
}

/** A connection through the proxy: both ends of it. */
async function open(): Promise<Pair> {
  const count = accepted.length
  const client = connect()
  await once(client, 'connect')
  await eventually('it is accepted', () => accepted.length > count)
  return { client, server: accepted[count] as Socket }
}

interface Received {
  text: string
  bytes: number
  /** When the first and the last of it came, in ms since we began to listen. */
  firstMs: number
  lastMs: number
  endMs: number | undefined
  /** `null`: without an error. */
  closed: string | null | undefined
}

function receive(socket: Socket): Received {
  const startedAt = performance.now()
  const elapsed = () => performance.now() - startedAt
  const received: Received = {
    text: '',
    bytes: 0,
    firstMs: NaN,
    lastMs: NaN,
    endMs: undefined,
    closed: undefined,
  }
  let code: string | null = null
  socket.on('data', (data: Buffer) => {
    received.lastMs = elapsed()
    if (received.bytes === 0) received.firstMs = received.lastMs
    received.bytes += data.length
    // Only what a test compares.
    if (data.length < 1000) received.text += data.toString('latin1')
  })
  socket.on('end', () => (received.endMs = elapsed()))
  socket.on('error', (error: NodeJS.ErrnoException) => (code = error.code ?? ''))
  socket.on('close', () => (received.closed = code))
  return received
}

/** Some turns of the event loop, so what was sent before has come as far as it will: all ends are in this process. */
async function settled() {
  for (let turn = 0; turn < 5; turn++) await sleep(4)
}

/** Who sends and who receives, when a toxic is in `stream`. */
function direct({ client, server }: Pair, stream: ToxicInput['stream']) {
  return stream === 'upstream' ? { from: client, to: server } : { from: server, to: client }
}

const hashOf = (bytes: Buffer | Buffer[]) =>
  createHash('sha256')
    .update(Array.isArray(bytes) ? Buffer.concat(bytes) : bytes)
    .digest('hex')

/** Not `for await`: it may end before the input does, once the socket's own output has ended. */
async function readAll(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  await once(socket, 'end')
  return Buffer.concat(chunks)
}

describe('without toxics', () => {
  test('every byte goes through, both ways at the same time', async () => {
    const { client, server } = await open()
    const [up, down] = [randomBytes(8 * MIB), randomBytes(8 * MIB)]
    client.end(up)
    server.end(down)
    const [atServer, atClient] = await Promise.all([readAll(server), readAll(client)])
    expect([hashOf(atServer), hashOf(atClient)]).toEqual([hashOf(up), hashOf(down)])
    await eventually('it is over', () => proxy.connections === 0)
  })

  test.each(toxicStreams)('the end of the %s direction leaves the other open', async (stream) => {
    const { from, to } = direct(await open(), stream)
    const [there, back] = [receive(to), receive(from)]
    from.end('question')
    await eventually('the end comes', () => there.endMs !== undefined)
    await settled()
    expect(back).toMatchObject({ endMs: undefined, closed: undefined })
    to.end('answer')
    await eventually('both are closed', () => there.closed === null && back.closed === null)
    expect([there.text, back.text]).toEqual(['question', 'answer'])
    await eventually('it is over', () => proxy.connections === 0)
  })

  test.each(toxicStreams)('a reset of the %s direction comes as a reset', async (stream) => {
    const { from, to } = direct(await open(), stream)
    const there = receive(to)
    from.resetAndDestroy()
    await eventually('it is reset', () => there.closed !== undefined)
    expect(there).toMatchObject({ endMs: undefined, closed: 'ECONNRESET' })
    await eventually('it is over', () => proxy.connections === 0)
  })

  test('a client whose server cannot be reached is reset', async () => {
    const nobody = net.createServer().listen(0, '127.0.0.1')
    await once(nobody, 'listening')
    const address = addressOf(nobody)
    nobody.close()
    await replaceProxy({ upstream: address })
    const there = receive(connect())
    await eventually('it is reset', () => there.closed !== undefined)
    expect(there.closed).toBe('ECONNRESET')
    expect(proxy.connections).toBe(0)
  })
})

describe.each(toxicStreams)('in the %s direction', (stream) => {
  let pair: Pair
  let from: Socket
  let to: Socket
  let there: Received
  let back: Received

  /** In this direction. */
  function put(...toxics: Partial<ToxicInput>[]) {
    proxy.setToxics(toxics.map((toxic, index) => ({ name: `${index}`, ...toxic, stream }) as ToxicInput))
  }
  async function openWith(...toxics: Partial<ToxicInput>[]) {
    put(...toxics)
    pair = await open()
    ;({ from, to } = direct(pair, stream))
    ;[there, back] = [receive(to), receive(from)]
  }
  const comes = (text: string) => eventually(`${text} comes`, () => there.text === text)
  /** Or reset, if they go on sending when the other side has gone. */
  const bothAreClosed = () =>
    eventually('both see it', () =>
      [there, back].every(({ endMs, closed }) => endMs !== undefined || closed !== undefined),
    )
  const goesOnTheOtherWay = async () => {
    const before = back.text
    to.write('other way')
    await eventually('the other direction works', () => back.text === `${before}other way`)
  }

  describe('latency', () => {
    test('delays data, and not the other direction', async () => {
      await openWith({ type: 'latency', attributes: { latency: HOUR_MS } })
      from.write('data')
      await goesOnTheOtherWay()
      expect(there.bytes).toBe(0)
    })

    test('delays all that waits at the same time', async () => {
      await openWith({ type: 'latency', attributes: { latency: 300 } })
      const startedAt = performance.now()
      for (let n = 0; n < 10; n++) {
        from.write(`${n}`)
        await sleep(5)
      }
      from.end()
      await eventually('the end comes', () => there.endMs !== undefined)
      expect(there.text).toBe('0123456789')
      const tookMs = performance.now() - startedAt
      expect(tookMs).toBeGreaterThan(299)
      // One after the other they would take 3 s.
      expect(tookMs).toBeLessThan(2400)
    })

    // On a busy machine two chunks may come as one.
    test('varies by its jitter, and never changes the order', { retry: 3 }, async () => {
      // Of each connection its toxicity, and then the jitter of each chunk: all of it more, all of it less, none.
      const random = [0, 0.999_999, 0, 0.5].values()
      await replaceProxy({ random: () => random.next().value ?? 0.5 })
      await openWith({ type: 'latency', attributes: { latency: 100, jitter: 100 } })
      const startedAt = performance.now()
      from.write('a')
      await sleep(20)
      from.write('b')
      await comes('ab')
      expect(performance.now() - startedAt).toBeGreaterThan(198)
      const beforeMs = performance.now()
      from.write('c')
      await comes('abc')
      expect(performance.now() - beforeMs).toBeGreaterThan(99)
    })
  })

  describe('bandwidth', () => {
    // On a busy machine what is due comes late, and at once.
    test('lets so many KB through in a second, evenly', { retry: 3 }, async () => {
      await openWith({ type: 'bandwidth', attributes: { rate: 100 } })
      from.end(Buffer.alloc(30_000))
      await eventually('all has come', () => there.endMs !== undefined)
      expect(there.bytes).toBe(30_000)
      expect(there.endMs).toBeGreaterThan(295)
      expect(there.firstMs).toBeLessThan(Number(there.endMs) * 0.6)
    })

    test('is of no weight for what is far below it', async () => {
      await openWith({ type: 'bandwidth', attributes: { rate: 1_000_000 } })
      from.end(Buffer.alloc(MIB))
      await eventually('all has come', () => there.endMs !== undefined)
      expect(there.bytes).toBe(MIB)
    })
  })

  describe('slow_close', () => {
    test('delays the end, and no data', async () => {
      await openWith({ type: 'slow_close', attributes: { delay: 100 } })
      from.end('data')
      await eventually('the end comes', () => there.endMs !== undefined)
      expect(there.text).toBe('data')
      expect(Number(there.endMs) - there.lastMs).toBeGreaterThan(98)
    })

    test('delays a reset too', async () => {
      await openWith({ type: 'slow_close', attributes: { delay: 100 } })
      const startedAt = performance.now()
      from.resetAndDestroy()
      await eventually('it is reset', () => there.closed !== undefined)
      expect(there.closed).toBe('ECONNRESET')
      expect(performance.now() - startedAt).toBeGreaterThan(98)
    })
  })

  describe('timeout', () => {
    test('of 0 drops data, closes nothing, and lets the end through', async () => {
      await openWith({ type: 'timeout', attributes: { timeout: 0 } })
      from.write('lost')
      await goesOnTheOtherWay()
      await settled()
      expect(there).toMatchObject({ bytes: 0, endMs: undefined, closed: undefined })
      from.end()
      await eventually('the end comes', () => there.endMs !== undefined)
      expect(there.bytes).toBe(0)
    })

    test('closes the connection after it, also one over which nothing comes', async () => {
      for (const text of ['lost', '']) {
        const startedAt = performance.now()
        await openWith({ type: 'timeout', attributes: { timeout: 100 } })
        if (text) from.write(text)
        await bothAreClosed()
        expect(performance.now() - startedAt).toBeGreaterThan(99)
        expect(there.bytes).toBe(0)
      }
    })

    test('that is removed closes the connection if data was lost', async () => {
      await openWith({ type: 'timeout', attributes: { timeout: 0 } })
      from.write('lost')
      await settled()
      put()
      await bothAreClosed()
      expect(there.bytes).toBe(0)
    })

    test('that is removed leaves a connection alone that has lost nothing', async () => {
      await openWith({ type: 'timeout', attributes: { timeout: HOUR_MS } })
      put()
      from.write('data')
      await comes('data')
      await goesOnTheOtherWay()
    })
  })

  describe('reset_peer', () => {
    test('resets both sides at the first data', async () => {
      await openWith({ type: 'reset_peer', attributes: { timeout: 0 } })
      await goesOnTheOtherWay()
      from.write('lost')
      await eventually('both see it', () => there.closed !== undefined && back.closed !== undefined)
      expect([there, back]).toMatchObject([
        { bytes: 0, endMs: undefined, closed: 'ECONNRESET' },
        { endMs: undefined, closed: 'ECONNRESET' },
      ])
      await eventually('it is over', () => proxy.connections === 0)
    })

    test.each(['data', 'the end'])('resets them a while after %s', async (what) => {
      await openWith({ type: 'reset_peer', attributes: { timeout: 100 } })
      const startedAt = performance.now()
      if (what === 'data') from.write(what)
      else from.end()
      await eventually('it is reset', () => there.closed !== undefined)
      expect(performance.now() - startedAt).toBeGreaterThan(98)
      expect(there).toMatchObject({ bytes: 0, closed: 'ECONNRESET' })
    })

    test('that is removed resets at once what it was about to, and nothing else', async () => {
      await openWith({ type: 'reset_peer', attributes: { timeout: HOUR_MS } })
      const other = await open()
      const spared = receive(direct(other, stream).to)
      from.write('lost')
      await settled()
      put()
      await eventually('it is reset', () => there.closed === 'ECONNRESET')
      direct(other, stream).from.write('data')
      await eventually('it comes', () => spared.text === 'data')
    })
  })

  describe('slicer', () => {
    test('lets data through in pieces, each a while after the one before', async () => {
      const pieces: number[] = []
      await openWith({
        type: 'slicer',
        attributes: { average_size: 10, size_variation: 3, delay: 10_000 },
      })
      to.on('data', ({ length }: Buffer) => pieces.push(length))
      const text = 'abcdefghijklmnopqrstuvwxyz'.repeat(4)
      from.write(text)
      await comes(text)
      // 8 to 15 of them, of which a busy machine may make fewer, but not one.
      expect(pieces.length).toBeGreaterThan(3)
      expect(there.lastMs).toBeGreaterThan(79)
    })
  })

  describe('limit_data', () => {
    test('closes the connection when so many bytes have gone through', async () => {
      await openWith({ type: 'limit_data', attributes: { bytes: 6 } })
      from.write('abcd')
      await comes('abcd')
      await goesOnTheOtherWay()
      from.write('efgh')
      await bothAreClosed()
      expect(there.text).toBe('abcdef')
    })

    test('closes it at the last byte, and not before', async () => {
      await openWith({ type: 'limit_data', attributes: { bytes: 4 } })
      from.write('abcd')
      await bothAreClosed()
      expect(there.text).toBe('abcd')
    })

    test('sends what is on its way in the other direction to its end, as slowly as it is read', async () => {
      await openWith({ type: 'limit_data', attributes: { bytes: 1 } })
      from.pause()
      to.write(Buffer.alloc(32 * MIB))
      await sleep(100)
      from.write('ab')
      // The system resets a socket that is closed before all has been read that had come.
      await eventually('it is closed', () => there.endMs !== undefined || there.closed !== undefined)
      from.resume()
      await eventually('the end comes', () => back.endMs !== undefined)
      expect(back.bytes).toBeGreaterThan(MIB)
    })

    test('of 0 lets nothing through', async () => {
      await openWith({ type: 'limit_data', attributes: { bytes: 0 } })
      from.write('abcd')
      await bothAreClosed()
      expect(there.bytes).toBe(0)
    })
  })

  describe('several', () => {
    test('add up', async () => {
      const latency = { type: 'latency', attributes: { latency: 100 } } as const
      await openWith(latency, latency)
      from.write('data')
      await comes('data')
      expect(there.firstMs).toBeGreaterThan(198)
    })

    test('work in their order', async () => {
      const limit = { type: 'limit_data', attributes: { bytes: 4 } } as const
      const timeout = { type: 'timeout', attributes: { timeout: 0 } } as const
      await openWith(timeout, limit)
      from.write('never counted')
      await settled()
      expect(there.closed).toBeUndefined()
      await openWith(limit, timeout)
      from.write('counted, and then lost')
      await eventually('it is closed', () => there.endMs !== undefined)
      expect(there.bytes).toBe(0)
    })

    test('keep their order when data is followed by a close', async () => {
      await openWith(
        { type: 'limit_data', attributes: { bytes: 4 } },
        { type: 'slicer', attributes: { average_size: 1, delay: 10_000 } },
        { type: 'latency', attributes: { latency: 50 } },
      )
      from.write('abcdef')
      await eventually('it is closed', () => there.endMs !== undefined)
      expect(there.text).toBe('abcd')
    })
  })

  describe('while a connection is open', () => {
    const hour = { type: 'latency', attributes: { latency: HOUR_MS } } as const

    test('a toxic that is added holds for what comes, and one that is removed sends what it holds', async () => {
      await openWith()
      from.write('a')
      await comes('a')
      put(hour)
      from.write('b')
      await settled()
      expect(there.text).toBe('a')
      put()
      from.end('c')
      await comes('abc')
      await eventually('the end comes', () => there.endMs !== undefined)
    })

    test('one that is changed sends what it holds, and then does as it is told', async () => {
      await openWith(hour)
      from.write('a')
      await settled()
      put({ type: 'latency', attributes: { latency: 100 } })
      await comes('a')
      const startedAt = performance.now()
      from.write('b')
      await comes('ab')
      expect(performance.now() - startedAt).toBeGreaterThan(99)
    })

    test('one that stays as it was goes on, whatever becomes of the others', async () => {
      const slicer = { name: 'slicer', type: 'slicer', attributes: { average_size: 2 } } as const
      const limit = { name: 'limit', type: 'limit_data', attributes: { bytes: 6 } } as const
      const stays = { ...hour, name: 'stays' }
      await openWith(limit, stays)
      from.write('abcd')
      await settled()
      put(slicer, limit, stays, { ...slicer, name: 'another' })
      put({ ...limit }, { ...stays, toxicity: 1 }, slicer)
      await settled()
      expect(there.text).toBe('')
      from.write('efgh')
      await settled()
      put(limit)
      await eventually('it is closed', () => there.endMs !== undefined)
      expect(there.text).toBe('abcdef')
    })

    test('two that change places lose nothing, and keep the order', async () => {
      const [first, second] = [
        { ...hour, name: 'first' },
        { type: 'bandwidth', attributes: { rate: 1 }, name: 'second' } as const,
      ]
      await openWith(second, first)
      from.write('a'.repeat(200))
      await sleep(150)
      put(first, second)
      from.write('b')
      await settled()
      put(second, first)
      from.end('c')
      put()
      await eventually('the end comes', () => there.endMs !== undefined)
      expect(there.text).toBe(`${'a'.repeat(200)}bc`)
    })

    test('toxics that come and go at random lose nothing, and keep the order', async () => {
      const kinds: readonly Partial<ToxicInput>[] = [
        hour,
        { type: 'latency', attributes: { latency: 2, jitter: 2 } },
        { type: 'bandwidth', attributes: { rate: 5000 } },
        { type: 'slicer', attributes: { average_size: 500, size_variation: 400, delay: 100 } },
        { type: 'slow_close', attributes: { delay: 10 } },
      ]
      await openWith()
      const bytes = randomBytes(2 * MIB)
      const reading: Buffer[] = []
      to.on('data', (data: Buffer) => reading.push(data))
      from.end(bytes)
      for (let change = 0; change < 40; change++) {
        put(...kinds.filter(() => Math.random() < 0.4).toSorted(() => Math.random() - 0.5))
        await sleep(Math.random() * 4)
      }
      put()
      await eventually('the end comes', () => there.endMs !== undefined)
      expect(hashOf(reading)).toBe(hashOf(bytes))
    })
  })

  describe('a writer', () => {
    /** How many bytes get away while nobody takes them: the rest waits where it was. */
    async function writtenUntilItStalls() {
      const block = Buffer.alloc(MIB)
      for (let n = 0; n < 64; n++) from.write(block)
      const gone = () => from.bytesWritten - from.writableLength
      let before = -1
      await eventually('nothing moves', async () => {
        const same = gone() === before
        before = gone()
        await sleep(50)
        return same && gone() === before
      })
      return gone()
    }

    test('waits for a reader that does not read', async () => {
      await openWith()
      to.pause()
      // Two connections' buffers of the system, up to 10 MiB each, and what the proxy holds.
      expect(await writtenUntilItStalls()).toBeLessThan(32 * MIB)
      to.resume()
      await eventually('all has come', () => there.bytes === 64 * MIB)
    })

    test('waits for a toxic that holds back, which holds no more than 1 MiB', async () => {
      await openWith({ type: 'latency', attributes: { latency: HOUR_MS } })
      const before = process.memoryUsage().arrayBuffers
      expect(await writtenUntilItStalls()).toBeLessThan(32 * MIB)
      // What Node reads ahead, and what it has let go of and not collected yet.
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 * MIB)
      put()
      await eventually('all has come', () => there.bytes === 64 * MIB)
    })
  })
})

test('a connection that is reset while the end of an output is being sent is gone all the same', async () => {
  proxy.setToxics([
    { type: 'latency', stream: 'upstream', attributes: { latency: HOUR_MS } },
    { type: 'reset_peer', attributes: { timeout: HOUR_MS } },
  ])
  const { client, server } = await open()
  client.end('held')
  server.write('lost')
  await settled()
  proxy.setToxics([])
  await eventually('it is gone', () => proxy.connections === 0)
})

describe('toxicity', () => {
  test('decides of each connection, once', async () => {
    const random = [0.49, 0.5].values()
    await replaceProxy({ random: () => random.next().value ?? NaN })
    proxy.setToxics([{ type: 'limit_data', toxicity: 0.5, attributes: { bytes: 1 } }])
    const [first, second] = [await open(), await open()]
    const [concerned, spared] = [receive(first.client), receive(second.client)]
    for (const { server } of [first, second]) server.write('ab')
    await eventually('one is closed', () => concerned.endMs !== undefined)
    second.server.write('c')
    await eventually('the other goes on', () => spared.text === 'abc')
    expect(concerned.text).toBe('a')
  })

  test('of 0 spares all, and of 1 none', async () => {
    for (const [random, toxicity, text] of [
      [0, 0, 'ab'],
      [0.999_999, 1, 'a'],
    ] as const) {
      await replaceProxy({ random: () => random })
      proxy.setToxics([{ type: 'limit_data', toxicity, attributes: { bytes: 1 } }])
      const { client, server } = await open()
      const there = receive(client)
      server.end('ab')
      await eventually('it ends', () => there.endMs !== undefined)
      expect(there.text).toBe(text)
    }
  })
})

describe('disabled', () => {
  test('it cuts off all connections and refuses others, until it is enabled again on the same port', async () => {
    proxy.setToxics([{ type: 'latency', attributes: { latency: HOUR_MS } }])
    const { client, server } = await open()
    const both = [receive(client), receive(server)]
    server.write('held')
    await settled()
    const { port } = proxy
    await proxy.disable()
    expect(proxy).toMatchObject({ enabled: false, connections: 0, port })
    await eventually('both see it', () => both.every(({ endMs }) => endMs !== undefined))
    expect(both[0]?.bytes).toBe(0)
    const refused = receive(connect())
    await eventually('it is refused', () => refused.closed !== undefined)
    expect(refused.closed).toBe('ECONNREFUSED')

    proxy.setToxics([{ type: 'limit_data', attributes: { bytes: 2 } }])
    await proxy.enable()
    expect(proxy).toMatchObject({ enabled: true, port })
    const again = await open()
    const there = receive(again.client)
    again.server.write('abc')
    await eventually('its toxics hold', () => there.text === 'ab' && there.endMs !== undefined)
  })

  test('and enabled at the same time, it is in the end what it was told last', async () => {
    await open()
    await Promise.all([proxy.disable(), proxy.disable(), proxy.enable(), proxy.enable()])
    expect(proxy.enabled).toBe(true)
    await Promise.all([proxy.enable(), proxy.disable(), proxy.enable(), proxy.disable()])
    expect(proxy.enabled).toBe(false)
    await Promise.all([proxy.enable(), proxy.disable()])
    expect(proxy.enabled).toBe(false)
    await proxy.enable()
    await open()
  })

  test('it says so when its port has been taken meanwhile, and can try again', async () => {
    await proxy.disable()
    const other = net.createServer().listen(proxy.port, '127.0.0.1')
    await once(other, 'listening')
    await expect(proxy.enable()).rejects.toMatchObject({ code: 'EADDRINUSE' })
    expect(proxy.enabled).toBe(false)
    other.close()
    await once(other, 'close')
    await proxy.enable()
    await open()
  })

  test('for good, it is never enabled again', async () => {
    await Promise.all([proxy.stop(), proxy.stop()])
    await expect(proxy.enable()).rejects.toThrow('the fault proxy has been stopped')
  })
})

test('stopped, it leaves nothing that keeps a process alive', { timeout: 20_000 }, async () => {
  const child = await runScript(`
    const { default: net } = await import('node:net')
    const { once } = await import('node:events')
    const { startFaultProxy } = await import(${JSON.stringify(new URL('../src/index.ts', import.meta.url).href)})
    const accepted = []
    const server = net.createServer({ allowHalfOpen: true }, (socket) => {
      accepted.push(socket.on('error', () => {}))
      socket.write('held')
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const types = {
      latency: { latency: 3600000 }, bandwidth: { rate: 1 }, slow_close: { delay: 3600000 },
      timeout: { timeout: 3600000 }, reset_peer: { timeout: 3600000 },
      slicer: { average_size: 1, delay: 3600000000 }, limit_data: { bytes: 1 },
    }
    const clients = []
    const proxies = []
    for (const [type, attributes] of Object.entries(types)) {
      const proxy = await startFaultProxy({ upstream: { host: '127.0.0.1', port: server.address().port } })
      proxies.push(proxy)
      proxy.setToxics(['upstream', 'downstream'].map((stream) => ({ type, stream, attributes })))
      const client = net.connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true })
      clients.push(client.on('error', () => {}).resume())
      client.end('held '.repeat(1000))
    }
    const healed = await startFaultProxy({ upstream: { host: '127.0.0.1', port: server.address().port } })
    proxies.push(healed)
    for (const [type, attributes] of Object.entries(types).toReversed()) {
      healed.setToxics(['upstream', 'downstream'].map((stream) => ({ type, stream, attributes })))
      const client = net.connect({ port: healed.port, host: '127.0.0.1', allowHalfOpen: true })
      clients.push(client.on('error', () => {}).resume())
      client.write('held')
      const before = accepted.length
      while (accepted.length === before) await new Promise((resolve) => setTimeout(resolve, 5))
    }
    healed.setToxics([])
    while (accepted.length < clients.length) await new Promise((resolve) => setTimeout(resolve, 5))
    await new Promise((resolve) => setTimeout(resolve, 50))
    const held = proxies.reduce((sum, { connections }) => sum + connections, 0)
    await Promise.all(proxies.map((proxy) => proxy.stop()))
    const left = proxies.reduce((sum, { connections }) => sum + connections, 0)
    server.close()
    for (const socket of [...clients, ...accepted]) socket.destroy()
    tell({ held: String(held > 4), left: String(left) })
  `)
  try {
    expect(await child.told).toEqual({ held: 'true', left: '0' })
    expect(await Promise.race([child.exit, sleep(4000, 'still alive', { ref: false })])).toBe(0)
  } finally {
    child.kill('SIGKILL')
  }
})
