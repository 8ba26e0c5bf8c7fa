/** Pages and pictures over HTTP: what is found in a page, what is refused, and what a cancel leaves behind. */
import { HttpError, PictureError } from '@overlap/workload'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openPort, startReservationService, type RealPort, type ReservationService } from '../src/index.ts'
import { eventually, GONE_MS } from './eventually.ts'
import { ask, doomed, failure } from './outcome.ts'
import { startRawServer, type RawServer } from './raw-server.ts'

/** Nothing here touches Postgres, and the port connects to it only when it is asked. */
const open = (url: string) =>
  openPort({ databaseUrl: 'postgres://127.0.0.1:1/none', upstreamUrls: [url], poolMax: 1 })

describe('with the reservation service', () => {
  let service: ReservationService
  let port: RealPort
  beforeAll(async () => {
    service = await startReservationService()
  })
  afterAll(() => service.stop())
  beforeEach(() => {
    port = open(service.url)
  })
  afterEach(async () => {
    await port.close()
    await eventually('every socket is closed', () => service.ledger.openSockets === 0)
  })

  test('each page has its own picture, and the same one again', async () => {
    const pages = Array.from({ length: 10 }, (_, index) => `P-${index + 1}`)
    const download = async (page: string) => {
      const address = await ask(port.fetchPage, page)
      expect(address).toBe(`/pictures/${page}`)
      return await ask(port.fetchPicture, address)
    }
    const pictures = await Promise.all(pages.map(download))
    for (const [index, { address, bytes }] of pictures.entries()) {
      expect(address).toBe(`/pictures/${pages[index]}`)
      expect(Buffer.from(bytes).toString('hex', 0, 3)).toBe('ffd8ff')
      expect(bytes.length).toBeGreaterThan(100_000)
      // Nothing else is in its memory, or it would be sent to a worker too.
      expect(bytes.buffer.byteLength).toBe(bytes.length)
    }
    expect(new Set(pictures.map(({ bytes }) => Buffer.from(bytes).toString('base64'))).size).toBe(10)
    expect(await download('P-3')).toEqual(pictures[2])
    expect(port.stats().http.requests).toBe(0)
  })

  test.for(['', 'P-0', 'P-11', 'p-1', '..', 'a/b', 'a b?c#d', 'ключ', '%2F'])(
    'a page that is not there, %j, fails with 404',
    async (page) => {
      expect(await failure(port.fetchPage, page)).toMatchObject({ name: 'HttpError', status: 404 })
    },
  )

  test('a picture that is not there fails with 404', async () => {
    for (const address of ['/pictures/P-11', '/pictures/no-picture', '/elsewhere', '/pictures/a%2520b'])
      expect(await failure(port.fetchPicture, address)).toMatchObject({ name: 'HttpError', status: 404 })
  })

  test('a page without a picture is its own fault', async () => {
    const error = await failure(port.fetchPage, 'no-picture')
    expect(error).toBeInstanceOf(PictureError)
    expect(error.message).toBe('the page "no-picture" has no picture')
  })

  test('a page that cannot be asked for fails later', async () => {
    doomed(port.fetchPage, '\ud800')()
    expect(await failure(port.fetchPage, '\ud800')).toBeInstanceOf(HttpError)
    await port.close()
    expect(await failure(port.fetchPage, 'P-1')).toMatchObject({ message: 'the port is closed' })
    expect(await failure(port.fetchPicture, '/pictures/P-1')).toMatchObject({ message: 'the port is closed' })
  })

  test.for([
    'http://127.0.0.1/pictures/P-1',
    '//127.0.0.1/pictures/P-1',
    'pictures/P-1',
    '/pictures/../ledger',
    '/pictures/P-1?status=503',
    '/pictures/P-1 HTTP/1.1\r\nX: y',
    '',
  ])('a picture at %j is never asked for', async (address) => {
    const { requests } = service.ledger
    doomed(port.fetchPicture, address)()
    const error = await failure(port.fetchPicture, address)
    expect(error).toBeInstanceOf(HttpError)
    expect(error.message).toBe('the address of the picture is not a path on the service')
    expect(service.ledger.requests).toBe(requests)
    expect(port.stats().http.sockets).toBe(0)
  })

  test('both take as long as the run says, and fail first when it says so', async () => {
    const run = port.forRun({ dbMs: 0, httpMs: 50, failures: 2 })
    const start = performance.now()
    expect(await failure(run.fetchPage, 'P-1')).toMatchObject({ status: 503 })
    expect(await failure(run.fetchPicture, '/pictures/P-1')).toMatchObject({ status: 503 })
    await ask(run.fetchPicture, await ask(run.fetchPage, 'P-1'))
    expect(performance.now() - start).toBeGreaterThan(199)
  })

  const calls = [
    ['fetchPage', (of: Pick<RealPort, 'fetchPage'>) => doomed(of.fetchPage, 'P-1')],
    ['fetchPicture', (of: Pick<RealPort, 'fetchPicture'>) => doomed(of.fetchPicture, '/pictures/P-1')],
  ] as const

  test.for(calls)('%s that is cancelled while it connects is never sent', async ([, start]) => {
    const { requests } = service.ledger
    const cancel = start(port)
    expect(port.stats().http).toMatchObject({ requests: 1, sockets: 1 })
    cancel()
    await eventually('no socket is left', () => port.stats().http.sockets === 0)
    await sleep(20)
    expect(service.ledger.requests).toBe(requests)
  })

  test.for(calls)('%s that waits for its answer is gone within 100 ms of a cancel', async ([name, start]) => {
    const events: string[] = []
    const run = port.forRun({
      dbMs: 0,
      httpMs: 10_000,
      observe: (call, event) => events.push(`${call} ${event}`),
    })
    const { sockets } = service.ledger
    const cancel = start(run)
    await eventually('the service works', () => service.ledger.openRequests === 1)
    cancel()
    cancel()
    expect(await eventually('the request is gone', () => service.ledger.openRequests === 0)).toBeLessThan(
      GONE_MS,
    )
    await eventually('its socket too', () => service.ledger.openSockets === 0 && events.length === 4)
    expect(events).toEqual(['started', 'sent', 'cancelled', 'stopped'].map((event) => `${name} ${event}`))
    expect(service.ledger.sockets - sockets).toBe(1)
  })
})

describe('with a service that', () => {
  let server: RawServer
  let port: RealPort
  let handle: (socket: Socket) => void

  beforeAll(async () => {
    server = await startRawServer((socket) => socket.on('data', () => handle(socket)))
  })
  afterAll(() => server.stop())
  beforeEach(() => {
    port = open(server.url)
  })
  afterEach(async () => {
    await port.close()
    await eventually('every socket is closed', () => server.open === 0)
  })

  function answer(body: string | Buffer, status = '200 OK') {
    handle = (socket) => {
      socket.write(`HTTP/1.1 ${status}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n`)
      socket.write(body)
    }
  }

  test.for([
    ['<meta property="og:image" content="/a.jpg">', '/a.jpg'],
    ['<META PROPERTY=og:image CONTENT=" /a.jpg\n">', '/a.jpg'],
    ['<meta content="/a.jpg" property="og:image"><meta property="og:image" content="/b.jpg">', '/a.jpg'],
    ['<img itemprop="image" src="/b.jpg"><meta property="og:image" content="/a.jpg">', '/a.jpg'],
    ['<img src="/logo.png"><img itemprop=image src=/b.jpg><img itemprop=image src=/c.jpg>', '/b.jpg'],
    ['<meta property="og:image" content="/a&amp;b/%C3%BC.jpg">', '/a&b/%C3%BC.jpg'],
    ['<p>unclosed <b><img itemprop="image" src="/b.jpg">', '/b.jpg'],
  ] as const)('answers %j: the picture is found where the page says', async ([html, address]) => {
    answer(html)
    expect(await ask(port.fetchPage, 'P-1')).toBe(address)
    expect(port.stats().http).toEqual({ requests: 0, sockets: 1, idle: 1 })
  })

  test.for([
    '<p>unclosed <b><img itemprop="image" src="/b.jpg"',
    '<!-- <meta property="og:image" content="/a.jpg"> -->',
    '<script>"<meta property=og:image content=/a.jpg>"</script>',
    '<title><img itemprop=image src=/a.jpg></title>',
    '<img src="/logo.png"><a href="/a.jpg">a</a>',
    '<meta property="og:image">',
    '',
    '{"picture":"/a.jpg"}',
  ])('answers %j: there is no picture', async (html) => {
    answer(html)
    const error = await failure(port.fetchPage, 'P-1')
    expect(error).toBeInstanceOf(PictureError)
    expect(error.message).toBe('the page "P-1" has no picture')
    expect(port.stats().http).toEqual({ requests: 0, sockets: 1, idle: 1 })
  })

  test.for([
    'http://example.com/a.jpg',
    'HTTPS://example.com/a.jpg',
    '//example.com/a.jpg',
    '/\\example.com/a.jpg',
    '\\\\example.com\\a.jpg',
    'javascript:alert(1)',
    'data:image/png;base64,AAAA',
    'file:///etc/passwd',
    'a.jpg',
    './a.jpg',
    '../ledger',
    '/..',
    '/../ledger',
    '/pictures/../ledger',
    '/pictures/..',
    '/pictures/./P-1',
    '/pictures/%2e%2e/ledger',
    '/pictures/.%2E/ledger',
    '/pictures/..%2fledger',
    '/pictures/..%5cledger',
    '/pictures//P-1',
    '/pictures/',
    '/',
    '/a.jpg?delayMs=10000',
    '/a.jpg#b',
    '/a b.jpg',
    '/a%zz.jpg',
    '/a%00.jpg',
    '/ü.jpg',
    '/a.jpg&#13;&#10;X: y',
    `/${'a'.repeat(1_024)}`,
    ' ',
    '',
  ])('names a picture at %j: it is not on the service', async (address) => {
    answer(`<meta property="og:image" content="${address}">`)
    const error = await failure(port.fetchPage, 'P-1')
    expect(error).toBeInstanceOf(PictureError)
    expect(error.message).toBe('the picture of the page "P-1" is not a path on the service')
  })

  test.for(['/a', '/a/b.c/..d/e..', '/...', '/~a/b;c=d,e:f@g!$(h)*+', `/${'a'.repeat(1_023)}`])(
    'names a picture at %j: it is asked there, under its own path',
    async (address) => {
      const based = open(`${server.url}/base/`)
      answer(`<meta property="og:image" content="${address}">`)
      expect(await ask(based.fetchPage, 'P-1')).toBe(address)
      answer(Buffer.from([0xff, 0x00, 0xc3, 0x28]))
      expect(await ask(based.forRun({ dbMs: 0, httpMs: 7 }).fetchPicture, address)).toEqual({
        address,
        bytes: new Uint8Array([0xff, 0x00, 0xc3, 0x28]),
      })
      expect(server.received).toContain('GET /base/pages/P-1 HTTP')
      expect(server.received).toContain(`GET /base${address}?delayMs=7 HTTP`)
      await based.close()
    },
  )

  test('answers with 4 MiB has answered with a picture, and with one byte more it has not', async () => {
    answer(Buffer.alloc(4 * 1024 * 1024, 7))
    const { bytes } = await ask(port.fetchPicture, '/a')
    expect(bytes.length).toBe(4 * 1024 * 1024)
    expect(bytes.every((byte) => byte === 7)).toBe(true)
    answer(Buffer.alloc(4 * 1024 * 1024 + 1))
    const error = await failure(port.fetchPicture, '/a')
    expect(error).toMatchObject({ name: 'HttpError', status: 200 })
    expect(error.message).toBe('the answer of the reservation service is too long')
    await eventually('the socket is closed', () => server.open === 0)
  })

  test('answers with 256 KiB has answered with a page, and with one byte more it has not', async () => {
    const page = '<meta property="og:image" content="/a.jpg">'
    answer(page.padEnd(256 * 1024))
    expect(await ask(port.fetchPage, 'P-1')).toBe('/a.jpg')
    answer(page.padEnd(256 * 1024 + 1))
    expect(await failure(port.fetchPage, 'P-1')).toMatchObject({ name: 'HttpError', status: 200 })
  })

  test('answers a reservation with more than 64 KiB still fails', async () => {
    answer('{"sku":"A-42","reserved":2}'.padEnd(64 * 1024 + 1))
    expect(await failure(port.fetchReservation, 'A-42')).toMatchObject({ status: 200 })
  })

  test('answers with another status is not listened to for longer than elsewhere', async () => {
    let sent = 0
    handle = (socket) => {
      socket.write('HTTP/1.1 500 Oh No\r\nTransfer-Encoding: chunked\r\n\r\n')
      const pour = () => {
        if (socket.destroyed || sent >= 4 * 1024 * 1024) return
        sent += 0x4000
        socket.write(`4000\r\n${' '.repeat(0x4000)}\r\n`, () => setTimeout(pour, 1))
      }
      pour()
    }
    expect(await failure(port.fetchPicture, '/a')).toMatchObject({ status: 500 })
    expect(sent).toBeLessThan(1024 * 1024)
  })

  test('hangs up in the middle of a picture fails', async () => {
    handle = (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 27\r\n\r\n12345')
    expect(await failure(port.fetchPicture, '/a')).toMatchObject({ name: 'HttpError', status: 200 })
  })

  test('is in the middle of a picture sees its socket closed within 100 ms of a cancel', async () => {
    handle = (socket) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 4000000\r\n\r\n`)
      socket.write(Buffer.alloc(2_000_000))
    }
    const before = server.ever
    const cancel = doomed(port.fetchPicture, '/a')
    await eventually('it has answered', () => server.ever > before)
    await sleep(20)
    cancel()
    expect(await eventually('the socket is closed', () => server.open === 0)).toBeLessThan(GONE_MS)
    expect(port.stats().http).toEqual({ requests: 0, sockets: 0, idle: 0 })
  })
})
