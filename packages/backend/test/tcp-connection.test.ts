import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import net, { type Socket } from 'node:net'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { type Chunk, type Connection, type Port, SocketError } from '@overlap/workload'
import { afterAll, afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { type Observe, TcpConnection, connectLoopback, openPort } from '../src/index.ts'
import { eventually } from './eventually.ts'
import { ask, doomed, failure } from './outcome.ts'

/** Nothing here touches Postgres or HTTP. */
const real = openPort({
  databaseUrl: 'postgres://127.0.0.1:1/none',
  upstreamUrls: ['http://127.0.0.1:1'],
  poolMax: 1,
})
let events: string[]
let readChunk: Port['readChunk']
let writeChunk: Port['writeChunk']
let endOutput: Port['endOutput']

let client: Socket
let socket: Socket
let connection: Connection

beforeEach(async () => {
  events = []
  const observe: Observe = (call, event, id) => events.push(`${call} ${event} ${id}`)
  ;({ readChunk, writeChunk, endOutput } = real.forRun({ dbMs: 0, httpMs: 0, observe }))
  const both = await connectLoopback()
  client = both.client
  client.on('error', () => {})
  socket = both.accepted
  connection = new TcpConnection(socket)
})
afterEach(() => {
  client.destroy()
  socket.destroy()
})
afterAll(() => real.close())

const textOf = (chunk: Chunk | null) => chunk && Buffer.from(chunk).toString()
const read = async () => textOf(await ask(readChunk, connection))
const write = (text: string | Uint8Array) =>
  ask(writeChunk, { connection, chunk: typeof text === 'string' ? Buffer.from(text) : text })
/** What a test has never to wait for, if the other side takes nothing. */
const tooMuch = Buffer.alloc(64 * 2 ** 20)

async function readToTheEnd(from: Socket): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of from) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}
const hashOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

/** Waits until nothing more leaves the process. */
async function stalled() {
  let left = -1
  await eventually('nothing moves', async () => {
    const before = left
    for (let turn = 0; turn < 50; turn++) await sleep(1)
    left = socket.bytesWritten + socket.bytesRead + client.bytesRead
    return left === before
  })
}

describe('a read', () => {
  test('waits for bytes, and answers with those that have come', async () => {
    const reading = read()
    client.write('hello')
    expect(await reading).toBe('hello')
  })

  test('answers with bytes that have come before, but not before it has returned', async () => {
    client.write('hello')
    await eventually('they have come', () => socket.readableLength === 5)
    let returned = false
    const answered = new Promise((resolve) => {
      readChunk(connection, () => resolve(returned))
    })
    returned = true
    expect(await answered).toBe(true)
  })

  test('answers null at the end, again and again, after what came before it', async () => {
    client.end('last')
    expect(await read()).toBe('last')
    expect(await read()).toBeNull()
    expect(await read()).toBeNull()
  })

  test('answers null when the end comes while it waits', async () => {
    const reading = read()
    client.end()
    expect(await reading).toBeNull()
  })

  test('cancelled, loses no byte, whenever that is', async () => {
    const bytes = randomBytes(2 ** 20)
    const received: Chunk[] = []
    client.end(bytes)
    for (let turn = 0; ; turn++) {
      const cancel = doomed(readChunk, connection)
      if (turn % 3 === 1) await Promise.resolve()
      cancel()
      if (turn % 3 === 2) await nextTurn()
      const chunk = await ask(readChunk, connection)
      if (!chunk) break
      received.push(chunk)
    }
    expect(hashOf(Buffer.concat(received))).toBe(hashOf(bytes))
  })

  test('cancelled while it waits, is never answered, and the next one gets what comes', async () => {
    const cancel = doomed(readChunk, connection)
    await nextTurn()
    cancel()
    cancel()
    client.write('hello')
    await eventually('it has come', () => socket.readableLength === 5)
    expect(await read()).toBe('hello')
  })

  test('cancelled after it was answered, does nothing to the one that waits', async () => {
    client.write('hello')
    let cancel = () => {}
    await new Promise<void>((resolve) => {
      cancel = readChunk(connection, () => resolve())
    })
    const reading = read()
    cancel()
    client.write('again')
    expect(await reading).toBe('again')
  })

  test('while another one waits is a mistake, and throws', async () => {
    const cancel = doomed(readChunk, connection)
    expect(() => readChunk(connection, () => {})).toThrow('another read of the connection is under way')
    cancel()
    expect(events).toEqual([
      'readChunk started 0',
      'readChunk sent 0',
      'readChunk started 1',
      'readChunk cancelled 0',
      'readChunk stopped 0',
    ])
  })

  test('of what is not a connection of the port throws', () => {
    for (const call of [readChunk, endOutput])
      expect(() => call({ id: connection.id }, () => {})).toThrow('it is not a connection of the port')
    expect(events).toEqual([])
  })

  test('that nobody asks for leaves Node’s buffer at its mark', async () => {
    client.write(tooMuch)
    await stalled()
    expect(socket.readableLength).toBeGreaterThan(0)
    expect(socket.readableLength).toBeLessThanOrEqual(2 * socket.readableHighWaterMark)
    expect(client.writableLength).toBe(tooMuch.length)
  })
})

describe('a write', () => {
  test('is done when its bytes have left the process, and they arrive', async () => {
    await write('hello')
    expect(socket.writableLength).toBe(0)
    expect(String(await once(client, 'data'))).toBe('hello')
  })

  test('is not done before the other side takes it', async () => {
    let done = false
    const writing = write(tooMuch).then(() => (done = true))
    await stalled()
    expect(done).toBe(false)
    let taken = 0
    client.on('data', (chunk: Buffer) => (taken += chunk.length))
    await writing
    await eventually('all has come', () => taken === tooMuch.length)
  })

  test('cancelled, is sent all the same, and says so when it has left', async () => {
    const cancel = doomed(writeChunk, { connection, chunk: tooMuch })
    await stalled()
    cancel()
    cancel()
    expect(events).toEqual(['writeChunk started 0', 'writeChunk sent 0', 'writeChunk cancelled 0'])
    const arriving = readToTheEnd(client)
    await ask(endOutput, connection)
    expect((await arriving).length).toBe(tooMuch.length)
    expect(events[3]).toBe('endOutput started 1')
    expect(events).toContain('writeChunk stopped 0')
    expect(events.at(-1)).toBe('endOutput succeeded 1')
  })

  test('after the end of the output fails', async () => {
    await ask(endOutput, connection)
    const error = await failure(writeChunk, { connection, chunk: Buffer.from('late') })
    expect(error).toBeInstanceOf(SocketError)
    expect(error.code).toBe('ERR_STREAM_WRITE_AFTER_END')
  })
})

describe('the end of the output', () => {
  test('is told, and the input goes on', async () => {
    await write('bye')
    await ask(endOutput, connection)
    expect((await readToTheEnd(client)).toString()).toBe('bye')
    client.write('not yet')
    expect(await read()).toBe('not yet')
    client.end()
    expect(await read()).toBeNull()
  })

  test('may come after that of the input, and closes the connection', async () => {
    client.end('hello')
    expect(await read()).toBe('hello')
    expect(await read()).toBeNull()
    await write('still there')
    const closed = once(socket, 'close')
    await ask(endOutput, connection)
    expect((await readToTheEnd(client)).toString()).toBe('still there')
    await closed
    expect(await read()).toBeNull()
  })

  test('of a socket that was not made for it is no other', async () => {
    const both = await connectLoopback()
    both.accepted.allowHalfOpen = false
    const other = new TcpConnection(both.accepted)
    both.client.end('hello')
    expect(textOf(await ask(readChunk, other))).toBe('hello')
    expect(await ask(readChunk, other)).toBeNull()
    await ask(writeChunk, { connection: other, chunk: Buffer.from('back') })
    await ask(endOutput, other)
    expect((await readToTheEnd(both.client)).toString()).toBe('back')
  })

  test('cancelled, comes to pass', async () => {
    const cancel = doomed(endOutput, connection)
    cancel()
    expect((await readToTheEnd(client)).length).toBe(0)
    expect(events).toEqual([
      'endOutput started 0',
      'endOutput sent 0',
      'endOutput cancelled 0',
      'endOutput stopped 0',
    ])
  })
})

describe('a connection that the client resets', () => {
  test('fails the read that waits, and each that follows', async () => {
    const failing = failure(readChunk, connection)
    client.resetAndDestroy()
    const error = await failing
    expect(error).toBeInstanceOf(SocketError)
    expect(error).toMatchObject({ code: 'ECONNRESET', message: 'the client has reset the connection' })
    expect(error.cause).toMatchObject({ syscall: 'read' })
    expect(await failure(readChunk, connection)).toMatchObject({ code: 'ECONNRESET' })
    expect(events.filter((event) => event.endsWith(' 0'))).toEqual([
      'readChunk started 0',
      'readChunk sent 0',
      'readChunk failed 0',
    ])
  })

  test('with bytes unread, fails the read: they could not be answered any more', async () => {
    client.write('unread')
    await eventually('they have come', () => socket.readableLength > 0)
    const broken = once(socket, 'close')
    client.resetAndDestroy()
    await broken.catch(() => {})
    await eventually('it is closed', () => socket.destroyed)
    expect(await failure(readChunk, connection)).toMatchObject({ code: 'ECONNRESET' })
  })

  test('fails the write that waits', async () => {
    const failing = failure(writeChunk, { connection, chunk: tooMuch })
    await stalled()
    client.resetAndDestroy()
    const error = await failing
    expect(error).toBeInstanceOf(SocketError)
    expect(['ECONNRESET', 'EPIPE']).toContain(error.code)
  })

  test('while nothing is asked of it ends nothing', async () => {
    client.resetAndDestroy()
    await eventually('it is closed', () => socket.destroyed)
    expect(await failure(readChunk, connection)).toBeInstanceOf(SocketError)
    expect(await failure(endOutput, connection)).toBeInstanceOf(SocketError)
    expect(await failure(writeChunk, { connection, chunk: Buffer.from('late') })).toBeInstanceOf(SocketError)
  })
})

describe('a connection that its owner closes', () => {
  test('fails each call that waits, once', async () => {
    const [reading, writing] = [
      failure(readChunk, connection),
      failure(writeChunk, { connection, chunk: tooMuch }),
    ]
    await stalled()
    const ending = failure(endOutput, connection)
    socket.destroy()
    for (const failed of [reading, writing, ending]) expect(await failed).toBeInstanceOf(SocketError)
    await nextTurn()
    expect(events.filter((event) => / (failed|succeeded) /.test(event)).toSorted()).toEqual([
      'endOutput failed 2',
      'readChunk failed 0',
      'writeChunk failed 1',
    ])
  })

  test('fails a read that waits, and one that comes later', async () => {
    const failing = failure(readChunk, connection)
    await nextTurn()
    socket.destroy()
    const closed = { name: 'SocketError', message: 'the connection has been closed' }
    expect(await failing).toMatchObject(closed)
    expect(await failure(readChunk, connection)).toMatchObject(closed)
  })

  test('does not take a write that it has cut off for one that went well', async () => {
    const failing = failure(writeChunk, { connection, chunk: tooMuch })
    await stalled()
    socket.destroy()
    expect(await failing).toMatchObject({ message: 'the connection has been closed' })
  })

  test('says `stopped` of a cancelled write', async () => {
    const cancel = doomed(writeChunk, { connection, chunk: tooMuch })
    await stalled()
    cancel()
    expect(events.at(-1)).toBe('writeChunk cancelled 0')
    socket.destroy()
    await eventually('it has stopped', () => events.at(-1) === 'writeChunk stopped 0')
  })

  test('with an error of its own has that for a cause', async () => {
    const failing = failure(readChunk, connection)
    const cause = new Error('idle for too long')
    socket.destroy(cause)
    expect(await failing).toMatchObject({ message: 'the connection has failed', cause })
  })
})

test('two ends that cannot be connected, because too many files are open, fail and leave nothing', async () => {
  const { createServer } = net
  // What libuv does then: it accepts the connection, and closes it.
  const servers = vi
    .spyOn(net, 'createServer')
    .mockImplementation(() => createServer((one) => void one.destroy()))
  const clients = vi.spyOn(net, 'connect')
  onTestFinished(() => void vi.restoreAllMocks())
  await expect(connectLoopback(50)).rejects.toMatchObject({ name: 'SocketError', code: 'ETIMEDOUT' })
  expect(clients.mock.results.map(({ value }) => (value as Socket).destroyed)).toEqual([true])
  expect(servers.mock.results.map(({ value }) => (value as net.Server).listening)).toEqual([false])
})
