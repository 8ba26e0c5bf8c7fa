/** Worker threads: what they make of pictures, who waits for them, and how they end. */
import { PictureError, WorkerError, type Picture, type Thumbnail } from '@overlap/workload'
import { once } from 'node:events'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Worker } from 'node:worker_threads'
import { crc32 } from 'node:zlib'
import sharp from 'sharp'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openPort, startReservationService, type RealPort, type ReservationService } from '../src/index.ts'
import { runScript } from './child.ts'
import { eventually } from './eventually.ts'
import { ask, doomed, failure } from './outcome.ts'

let service: ReservationService
let port: RealPort
/** That of a group. */
let shared: RealPort | undefined
let picture: Picture
/** Of the run that is watched. */
let events: string[]
/** The threads that this process has started. */
const threads: Worker[] = []
const noteThread = (thread: Worker) => threads.push(thread)

const open = () =>
  openPort({ databaseUrl: 'postgres://127.0.0.1:1/none', upstreamUrls: [service.url], poolMax: 1 })

function watched() {
  return port.forRun({ dbMs: 0, httpMs: 0, observe: (_, event, id) => events.push(`${event} ${id}`) })
}

const count = (event: string) => events.filter((one) => one.startsWith(event)).length

beforeAll(async () => {
  service = await startReservationService()
  process.on('worker', noteThread)
  const fetching = open()
  picture = await ask(fetching.fetchPicture, '/pictures/P-3')
  await fetching.close()
})
afterAll(() => service.stop())
afterAll(() => void process.off('worker', noteThread))
beforeEach(() => {
  events = []
  threads.length = 0
  port = shared ?? open()
})
afterEach(async () => {
  if (port !== shared) await port.close()
})

async function exited(thread: Worker | undefined) {
  if (thread && thread.threadId !== -1) await once(thread, 'exit')
}

async function end(thread: Worker | undefined) {
  await Promise.all([exited(thread), thread?.terminate()])
}

/** A picture that takes as long as any: hundreds of milliseconds. */
const slow = () => ({ picture, width: 1_760 })

/** The tests of a group have one port, because to start a thread takes longer than most of them do. */
function sharePort() {
  beforeAll(() => void (shared = open()))
  afterAll(async () => {
    await shared?.close()
    shared = undefined
  })
}

describe('a thumbnail', () => {
  sharePort()

  test.for([1, 100, 333, 500, 1_759])('has the width %d, in proportion, and is WebP', async (width) => {
    const { bytes, ...size } = await ask(port.resize, { picture, width })
    expect(size).toEqual({ width, height: Math.max(1, Math.round((width * 1_168) / 1_760)) })
    const { format, ...decoded } = await sharp(bytes).metadata()
    expect(format).toBe('webp')
    expect(decoded).toMatchObject(size)
    expect(bytes.buffer.byteLength).toBe(bytes.length)
    await sharp(bytes).raw().toBuffer()
  })

  test.for([40, 41, 4_096])('of width %d is no wider than its picture', async (width) => {
    const image = sharp({ create: { width: 40, height: 20, channels: 3, background: 'teal' } })
    const small = { address: '/a', bytes: new Uint8Array(await image.jpeg().toBuffer()) }
    const thumbnail = await ask(port.resize, { picture: small, width })
    expect(thumbnail).toMatchObject({ width: 40, height: 20 })
  })

  test('leaves the picture as it was', async () => {
    const before = Buffer.from(picture.bytes)
    await ask(port.resize, { picture, width: 100 })
    expect(before.equals(picture.bytes)).toBe(true)
  })

  test.for(['png', 'webp', 'jpeg'] as const)('can be made of %s, the right way up', async (format) => {
    const image = sharp({ create: { width: 40, height: 20, channels: 3, background: 'teal' } })
    const bytes = new Uint8Array(await image.withMetadata({ orientation: 6 }).toFormat(format).toBuffer())
    const thumbnail = await ask(port.resize, { picture: { address: '/a', bytes }, width: 10 })
    expect(thumbnail).toMatchObject({ width: 10, height: 20 })
  })

  test('comes to whoever has asked for it, and the threads are taken in the order of asking', async () => {
    const widths = [500, 40, 300, 80, 200, 120]
    const run = watched()
    const thumbnails = await Promise.all(widths.map((width) => ask(run.resize, { picture, width })))
    expect(thumbnails.map(({ width }) => width)).toEqual(widths)
    expect(events.filter((event) => event.startsWith('sent'))).toEqual(widths.map((_, id) => `sent ${id}`))
  })
})

describe('a picture that is none', () => {
  sharePort()
  const unreadable = 'it cannot be read as JPEG, PNG or WebP'
  const damaged = 'it is damaged, or ends too early'
  const svg =
    '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>'

  test.for([
    ['nothing', () => Buffer.alloc(0), unreadable],
    ['text', () => Buffer.from('This is text.'), unreadable],
    ['zeros', () => Buffer.alloc(100_000), unreadable],
    ['a drawing', () => Buffer.from(svg), unreadable],
    ['a GIF', () => sharp(Buffer.from(svg)).gif().toBuffer(), unreadable],
    ['the first bytes of a JPEG', () => picture.bytes.subarray(0, 100), unreadable],
    ['half of a JPEG', () => picture.bytes.subarray(0, picture.bytes.length / 2), damaged],
    ['all of a JPEG but its end', () => picture.bytes.subarray(0, -20_000), damaged],
    ['a PNG without its pixels', () => png(10, 10), damaged],
    ['a PNG of 900 megapixels', () => png(30_000, 30_000), 'it has more than 100 megapixels'],
  ] as const)('fails for %s, and the next one works', async ([, make, fault]) => {
    const bytes = new Uint8Array(await make())
    // It may have idled for too long.
    await ask(port.resize, { picture, width: 10 })
    const { length } = threads
    for (const width of [10, 500]) {
      const error = await failure(port.resize, { picture: { address: '/pictures/bad', bytes }, width })
      expect(error).toBeInstanceOf(PictureError)
      expect(error.message).toBe(`/pictures/bad: ${fault}`)
      expect(error.cause).toBeUndefined()
    }
    expect(await ask(port.resize, { picture, width: 10 })).toMatchObject({ width: 10 })
    expect(threads).toHaveLength(length)
  })

  test.for([
    ['not-a-picture', unreadable],
    ['truncated', damaged],
  ] as const)('the page %s has one', async ([page, fault]) => {
    const bad = await ask(port.fetchPicture, await ask(port.fetchPage, page))
    const error = await failure(port.resize, { picture: bad, width: 100 })
    expect(error).toMatchObject({ name: 'PictureError', message: `/pictures/${page}: ${fault}` })
  })

  test('a width that cannot be is not its fault', async () => {
    const error = await failure(port.resize, { picture, width: 0 })
    expect(error).toBeInstanceOf(WorkerError)
    expect(error.message).toBe('a worker thread has failed')
    expect(await ask(port.resize, { picture, width: 10 })).toMatchObject({ width: 10 })
  })
})

describe('a cancel', () => {
  test('of one that waits takes it out of the queue at once, and it never runs', async () => {
    const run = watched()
    const [first, second] = [50, 60].map((width) => ask(run.resize, { picture, width }))
    const cancels = Array.from({ length: 100 }, () => doomed(run.resize, { picture, width: 500 }))
    const last = ask(run.resize, { picture, width: 70 })
    const { running, waiting } = port.stats().workers
    expect(running).toBeGreaterThan(0)
    expect(running + waiting).toBe(103)
    const started = count('sent')
    for (const cancel of cancels) {
      cancel()
      cancel()
    }
    // Threads may have taken some of them already, where there are many.
    const taken = Math.max(0, started - 2)
    expect(port.stats().workers.waiting).toBe(waiting - 100 + taken)
    expect(count('cancelled')).toBe(100)
    expect(count('stopped')).toBe(100 - taken)
    expect(await Promise.all([first, second, last])).toMatchObject([
      { width: 50 },
      { width: 60 },
      { width: 70 },
    ])
    await eventually('all have stopped', () => count('stopped') === 100)
    expect(count('sent')).toBe(3 + taken)
    expect(port.stats().workers).toEqual({ running: 0, waiting: 0 })
  })

  test('of one that runs drops its answer; it has stopped when its thread is free', async () => {
    const run = watched()
    await ask(run.resize, { picture, width: 10 })
    const cancel = doomed(run.resize, slow())
    expect(events.slice(3)).toEqual(['started 1', 'sent 1'])
    cancel()
    cancel()
    expect(events.slice(5)).toEqual(['cancelled 1'])
    expect(port.stats().workers).toEqual({ running: 1, waiting: 0 })
    await eventually('it has stopped', () => events.length === 7)
    expect(events.at(-1)).toBe('stopped 1')
    expect(port.stats().workers).toEqual({ running: 0, waiting: 0 })
    expect(threads).toHaveLength(1)
  })

  test('of one that runs does not let another one in before', async () => {
    const run = watched()
    const busy = Array.from({ length: 20 }, () => doomed(run.resize, slow()))
    const { running } = port.stats().workers
    const next = ask(run.resize, { picture, width: 10 })
    for (const cancel of busy) cancel()
    expect(port.stats().workers).toEqual({ running, waiting: 1 })
    await next
    const nextSent = events.indexOf('sent 20')
    expect(nextSent).toBeGreaterThan(events.findLastIndex((event) => event.startsWith('cancelled')))
    expect(events.slice(0, nextSent).filter((event) => event.startsWith('stopped')).length).toBe(
      20 - running + 1,
    )
  })

  test('of one that is done changes nothing', async () => {
    const run = watched()
    const cancel = await new Promise<() => void>((resolve) => {
      const it = run.resize({ picture, width: 10 }, () => resolve(it))
    })
    cancel()
    expect(events).toEqual(['started 0', 'sent 0', 'succeeded 0'])
  })

  test('of others by one that fails comes before the next is taken', async () => {
    const run = watched()
    const bad = { picture: { address: '/a', bytes: new Uint8Array(9) }, width: 10 }
    const cancels: (() => void)[] = []
    const failed = new Promise<void>((resolve) => {
      for (let index = 0; index < 40; index++)
        cancels.push(
          run.resize(bad, () => {
            for (const cancel of cancels) cancel()
            resolve()
          }),
        )
    })
    const { running } = port.stats().workers
    await failed
    expect(count('sent')).toBe(running)
    await eventually('all have stopped', () => count('stopped') === 39)
  })
})

describe('the threads', () => {
  test('are none before the first resize, and none some time after the last', async () => {
    expect(threads).toHaveLength(0)
    await ask(port.resize, { picture, width: 10 })
    expect(threads).toHaveLength(1)
    await exited(threads[0])
    expect(await ask(port.resize, { picture, width: 10 })).toMatchObject({ width: 10 })
    expect(threads).toHaveLength(2)
  })

  test('are as many at most as resizes run', async () => {
    const widths = Array.from({ length: 12 }, (_, index) => index + 10)
    const all = widths.map((width) => ask(port.resize, { picture, width }))
    const { running } = port.stats().workers
    await Promise.all(all)
    expect(threads).toHaveLength(running)
  })

  test.for([
    ['while it starts', () => {}],
    ['while it idles', () => ask(port.resize, { picture, width: 10 })],
  ] as const)(
    'one that dies %s fails nothing but its own work, and the next resize works',
    async ([, before]) => {
      await before()
      for (const thread of threads) await end(thread)
      const known = threads.length
      const outcome = failure(port.resize, { picture, width: 10 })
      await eventually('another one starts', () => threads.length > known)
      await end(threads.at(-1))
      expect(await outcome).toBeInstanceOf(WorkerError)
      expect(port.stats().workers).toEqual({ running: 0, waiting: 0 })
      expect(await ask(port.resize, { picture, width: 10 })).toMatchObject({ width: 10 })
    },
  )

  test('one that cannot start says why, and the next resize works', async () => {
    const outcome = failure(port.resize, { picture, width: 10 })
    await eventually('it starts', () => threads.length === 1)
    // As Node does when a library of sharp's is not there.
    const obstacle = new Error('no such library')
    threads[0]?.emit('error', obstacle)
    const error = await outcome
    expect(error).toBeInstanceOf(WorkerError)
    expect(error.message).toBe('a worker thread has failed')
    expect(error.cause).toBe(obstacle)
    expect(await ask(port.resize, { picture, width: 10 })).toMatchObject({ width: 10 })
  })

  test('one that dies at work fails its resize, and those that wait get another', async () => {
    await ask(port.resize, { picture, width: 10 })
    const run = watched()
    const died = failure(run.resize, slow())
    const others = [20, 30, 40].map((width) => ask(run.resize, { picture, width }))
    void threads[0]?.terminate()
    const error = await died
    expect(error).toBeInstanceOf(WorkerError)
    expect(error.message).toBe('a worker thread has failed')
    const thumbnails: Thumbnail[] = await Promise.all(others)
    expect(thumbnails.map(({ width }) => width)).toEqual([20, 30, 40])
  })

  test('one that dies at work for a cancelled resize has stopped it', async () => {
    await ask(port.resize, { picture, width: 10 })
    const run = watched()
    doomed(run.resize, slow())()
    void threads[0]?.terminate()
    await eventually('it has stopped', () => events.includes('stopped 0'))
    expect(await ask(run.resize, { picture, width: 10 })).toMatchObject({ width: 10 })
  })

  test('leave the event loop free: 8 resizes delay it far less than one takes', async () => {
    await ask(port.resize, { picture, width: 10 })
    const start = performance.now()
    await sharp(picture.bytes).resize({ width: 1_000 }).webp().toBuffer()
    const oneMs = performance.now() - start
    const delay = monitorEventLoopDelay({ resolution: 1 })
    delay.enable()
    await Promise.all(Array.from({ length: 8 }, () => ask(port.resize, { picture, width: 1_000 })))
    delay.disable()
    expect(delay.percentile(95) / 1e6).toBeLessThan(oneMs / 3)
  })
})

test('a callback that throws is an uncaught exception, and the next resize is served', async () => {
  const child = await runScript(`
    const port = openPort({ databaseUrl: 'postgres://127.0.0.1:1/none', upstreamUrls: ['${service.url}'], poolMax: 1 })
    const origins = []
    process.on('uncaughtException', (error, origin) => origins.push(error.message + ' ' + origin))
    const bad = { picture: { address: '/a', bytes: new Uint8Array(9) }, width: 10 }
    port.fetchPicture('/pictures/P-3', (_, picture) => {
      port.resize({ picture, width: 10 }, () => { throw new Error('first') })
      port.resize(bad, () => { throw new Error('second') })
      port.resize({ picture, width: 20 }, (_, { width }) => setImmediate(() => tell({ width, origins })))
    })
  `)
  expect(await child.told).toEqual({
    width: 20,
    origins: ['first uncaughtException', 'second uncaughtException'],
  })
  child.kill('SIGKILL')
})

describe('close', () => {
  test('fails what runs and what waits, later, and waits for the threads', async () => {
    await ask(port.resize, { picture, width: 10 })
    const run = watched()
    const failed = Array.from({ length: 20 }, () => failure(run.resize, slow()))
    const exits = threads.map(exited)
    const closed = port.close()
    expect(count('failed')).toBe(0)
    for (const error of await Promise.all(failed)) {
      expect(error).toBeInstanceOf(WorkerError)
      expect(error.message).toBe('the port is closed')
    }
    await closed
    await Promise.all(exits)
    expect(port.stats().workers).toEqual({ running: 0, waiting: 0 })
    const { length } = threads
    doomed(run.resize, slow())()
    expect(await failure(run.resize, slow())).toMatchObject({
      name: 'WorkerError',
      message: 'the port is closed',
    })
    expect(threads).toHaveLength(length)
    expect(events.slice(-5)).toEqual(['started 20', 'cancelled 20', 'started 21', 'stopped 20', 'failed 21'])
    await port.close()
  })

  test.for(['await port.close()', 'void port.close()', ''])(
    'a process ends by itself, also while it resizes: %j',
    async (close) => {
      const child = await runScript(`
        const port = openPort({ databaseUrl: 'postgres://127.0.0.1:1/none', upstreamUrls: ['${service.url}'], poolMax: 1 })
        port.fetchPicture('/pictures/P-3', (_, picture) => {
          for (let width = 1; width <= 5; width++) port.resize({ picture, width }, () => {
            if (width === 2) tell({ width })
          })
        })
        await new Promise((resolve) => setTimeout(resolve, 300))
        port.fetchPicture('/pictures/P-3', (_, picture) => picture && port.resize({ picture, width: 1000 }, () => {})())
        ${close}
      `)
      expect(await child.told).toEqual({ width: 2 })
      expect(await child.exit).toBe(0)
    },
  )
})

/** One with a head and no pixels. */
function png(width: number, height: number): Buffer {
  const head = Buffer.alloc(13)
  head.writeUInt32BE(width, 0)
  head.writeUInt32BE(height, 4)
  head.set([8, 2, 0, 0, 0], 8)
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    toChunk('IHDR', head),
    toChunk('IDAT', Buffer.alloc(0)),
    toChunk('IEND', Buffer.alloc(0)),
  ])
}

function toChunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type), data])
  const [length, checksum] = [Buffer.alloc(4), Buffer.alloc(4)]
  length.writeUInt32BE(data.length)
  checksum.writeUInt32BE(crc32(body))
  return Buffer.concat([length, body, checksum])
}
