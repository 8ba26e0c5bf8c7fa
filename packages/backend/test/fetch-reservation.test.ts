import { HttpError } from '@overlap/workload'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openPort, startReservationService, type RealPort, type ReservationService } from '../src/index.ts'
import { eventually, GONE_MS } from './eventually.ts'
import { ask, doomed, failure } from './outcome.ts'
import { startRawServer, type RawServer } from './raw-server.ts'

/** Nothing here touches Postgres, and the port connects to it only when it is asked. */
const NO_DATABASE = 'postgres://127.0.0.1:1/none'

function open(...upstreamUrls: string[]) {
  return openPort({ databaseUrl: NO_DATABASE, upstreamUrls, poolMax: 1 })
}

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

  test('an answer is the reservation of the product', async () => {
    expect(await ask(port.fetchReservation, 'A-42')).toEqual({ sku: 'A-42', reserved: 2 })
    for (const sku of ['A-1', 'a b/c?d=e&f#g', '..', 'ключ', '%2F'])
      expect(await ask(port.fetchReservation, sku)).toEqual({ sku, reserved: 0 })
  })

  test('an answer takes as long as the run says', async () => {
    const start = performance.now()
    await ask(port.forRun({ dbMs: 0, httpMs: 50 }).fetchReservation, 'A-42')
    expect(performance.now() - start).toBeGreaterThan(49)
  })

  test('calls one after the other share a socket', async () => {
    const before = service.ledger.sockets
    for (let i = 0; i < 20; i++) await ask(port.fetchReservation, 'A-42')
    await new Promise<void>((resolve, reject) => {
      port.fetchReservation('A-42', () => {
        port.fetchReservation('A-42', (error) => (error ? reject(error) : resolve()))
      })
    })
    expect(service.ledger.sockets - before).toBe(1)
    expect(port.stats().http).toEqual({ requests: 0, sockets: 1, idle: 1 })
  })

  test('calls at the same time have a socket each', async () => {
    const before = service.ledger.sockets
    const slow = port.forRun({ dbMs: 0, httpMs: 50 })
    await Promise.all(Array.from({ length: 50 }, () => ask(slow.fetchReservation, 'A-42')))
    expect(service.ledger.sockets - before).toBe(50)
  })

  test('a cancelled call has its socket closed within 100 ms, and no other is opened', async () => {
    const slow = port.forRun({ dbMs: 0, httpMs: 10_000 })
    for (let i = 0; i < 10; i++) {
      const before = service.ledger.sockets
      const cancel = doomed(slow.fetchReservation, 'A-42')
      await eventually('the service works', () => service.ledger.openRequests === 1)
      cancel()
      const ms = await eventually('the request is gone', () => service.ledger.openRequests === 0)
      expect(ms).toBeLessThan(GONE_MS)
      expect(service.ledger.openSockets).toBe(0)
      await sleep(5)
      expect(service.ledger.sockets - before).toBe(1)
    }
    expect(port.stats().http).toEqual({ requests: 0, sockets: 0, idle: 0 })
  })

  test('a call that is cancelled while it connects is never sent, and keeps no socket', async () => {
    const { requests } = service.ledger
    const cancels = Array.from({ length: 10 }, () => doomed(port.fetchReservation, 'A-42'))
    expect(port.stats().http).toMatchObject({ requests: 10, sockets: 10 })
    for (const cancel of cancels) cancel()
    await eventually('no socket is left', () => port.stats().http.sockets === 0)
    await sleep(20)
    expect(service.ledger.openSockets).toBe(0)
    expect(service.ledger.requests).toBe(requests)
  })

  test('a call that is cancelled before an idle socket was written to is never sent', async () => {
    await ask(port.fetchReservation, 'A-42')
    const { requests } = service.ledger
    doomed(port.fetchReservation, 'A-42')()
    await eventually('no socket is left', () => service.ledger.openSockets === 0)
    expect(service.ledger.requests).toBe(requests)
    expect(await ask(port.fetchReservation, 'A-42')).toMatchObject({ reserved: 2 })
  })

  test('every event comes in its order', async () => {
    const events: string[] = []
    const run = port.forRun({
      dbMs: 0,
      httpMs: 20,
      observe: (name, event) => events.push(`${name} ${event}`),
    })
    function expectEvents(...expected: string[]) {
      expect(events).toEqual(expected.map((event) => `fetchReservation ${event}`))
      events.length = 0
    }
    await ask(run.fetchReservation, 'A-42')
    expectEvents('started', 'sent', 'answering', 'succeeded')

    const cancel = doomed(run.fetchReservation, 'A-42')
    await eventually('it was sent', () => events.length === 2)
    cancel()
    cancel()
    await eventually('it has stopped', () => events.length === 4)
    expectEvents('started', 'sent', 'cancelled', 'stopped')

    doomed(run.fetchReservation, 'A-42')()
    await eventually('it has stopped', () => events.length === 3)
    expectEvents('started', 'cancelled', 'stopped')

    expect(await failure(run.fetchReservation, '\ud800')).toBeInstanceOf(HttpError)
    expectEvents('started', 'failed')

    const cancelLate = await new Promise<() => void>((resolve) => {
      const it = run.fetchReservation('A-42', () => resolve(it))
    })
    cancelLate()
    expectEvents('started', 'sent', 'answering', 'succeeded')
  })

  test('a run whose requests are to fail has each of them fail with 503, after its delay', async () => {
    const run = port.forRun({ dbMs: 0, httpMs: 50, failures: 1, httpFails: true })
    for (let i = 0; i < 3; i++) {
      const start = performance.now()
      expect(await failure(run.fetchReservation, 'A-42')).toMatchObject({ name: 'HttpError', status: 503 })
      expect(performance.now() - start).toBeGreaterThan(49)
    }
    expect(await failure(run.fetchPage, 'P-1')).toMatchObject({ status: 503 })
    expect(await failure(run.fetchPicture, '/pictures/P-1')).toMatchObject({ status: 503 })
    expect(await ask(port.fetchReservation, 'A-42')).toMatchObject({ reserved: 2 })
  })

  test('a call that cannot be sent may be cancelled before it fails', async () => {
    doomed(port.fetchReservation, '\ud800')()
    await port.close()
    doomed(port.fetchReservation, 'A-42')()
    await sleep(5)
  })

  test('close cuts off what runs, and waits for its socket', async () => {
    const failed = failure(port.forRun({ dbMs: 0, httpMs: 10_000 }).fetchReservation, 'A-42')
    await eventually('the service works', () => service.ledger.openRequests === 1)
    await port.close()
    expect(port.stats().http).toEqual({ requests: 0, sockets: 0, idle: 0 })
    expect(await failed).toBeInstanceOf(HttpError)
  })

  test('the service may be restarted while sockets are idle', async () => {
    const own = await startReservationService()
    const patient = open(own.url)
    await ask(patient.fetchReservation, 'A-42')
    await own.stop()
    await eventually('the dead socket is closed', () => patient.stats().http.sockets === 0)
    expect(patient.stats().http).toEqual({ requests: 0, sockets: 0, idle: 0 })
    expect(await failure(patient.fetchReservation, 'A-42')).toMatchObject({ code: 'ECONNREFUSED' })
    const again = await startReservationService({ port: Number(new URL(own.url).port) })
    expect(await ask(patient.fetchReservation, 'A-42')).toMatchObject({ reserved: 2 })
    await patient.close()
    await again.stop()
  })
})

describe('with replicas of the reservation service', () => {
  const sku = 'A-42'
  let service: ReservationService
  let port: RealPort
  beforeAll(async () => {
    service = await startReservationService({ replicas: 3 })
  })
  afterAll(() => service.stop())
  beforeEach(() => {
    port = open(...service.urls)
  })
  afterEach(() => port.close())

  test('each is asked on a socket of its own, and the first is the service itself', async () => {
    const before = service.ledgers.map(({ requests }) => requests)
    await ask(port.fetchReservation, sku)
    for (const replica of [0, 1, 2, 2])
      expect(await ask(port.fetchReservationFrom, { replica, sku })).toEqual({ sku, reserved: 2 })
    const asked = service.ledgers.map(({ requests }, replica) => requests - (before[replica] ?? 0))
    expect(asked).toEqual([2, 1, 2])
    expect(port.stats().http).toEqual({ requests: 0, sockets: 3, idle: 3 })
    expect(service.ledgers.map(({ openSockets }) => openSockets)).toEqual([1, 1, 1])
  })

  test.for([3, -1, 0.5, NaN])('there is no replica %d, and the call says so, later', async (replica) => {
    doomed(port.fetchReservationFrom, { replica, sku })()
    const error = await failure(port.fetchReservationFrom, { replica, sku })
    expect(error).toBeInstanceOf(HttpError)
    expect(error.message).toBe(`there is no replica ${replica}: expected 0 to 2`)
  })

  test('each takes as long as the run says of it', async () => {
    const run = port.forRun({ dbMs: 0, httpMs: 10_000, replicaMs: [0, 60] })
    await ask(run.fetchReservationFrom, { replica: 0, sku })
    const start = performance.now()
    await ask(run.fetchReservationFrom, { replica: 1, sku })
    expect(performance.now() - start).toBeGreaterThan(59)
    const cancel = doomed(run.fetchReservationFrom, { replica: 2, sku })
    await eventually('the third works', () => service.ledgers[2]?.openRequests === 1)
    cancel()
    const ms = await eventually('its socket is closed', () => service.ledgers[2]?.openSockets === 0)
    expect(ms).toBeLessThan(GONE_MS)
  })

  test('the first calls of a run fail with 503, and no others', async () => {
    const run = port.forRun({ dbMs: 0, httpMs: 60, failures: 2 })
    const start = performance.now()
    expect(await failure(run.fetchReservation, sku)).toMatchObject({ status: 503 })
    expect(performance.now() - start).toBeGreaterThan(59)
    expect(await failure(run.fetchReservationFrom, { replica: 1, sku })).toMatchObject({ status: 503 })
    expect(await ask(port.fetchReservation, sku)).toMatchObject({ reserved: 2 })
    expect(await ask(run.fetchReservation, sku)).toMatchObject({ reserved: 2 })
  })

  test('calls of one name are told apart by their numbers', async () => {
    const events: string[] = []
    const run = port.forRun({
      dbMs: 0,
      httpMs: 0,
      replicaMs: [60, 0],
      observe: (name, event, id) => events.push(`${name} ${id} ${event}`),
    })
    await Promise.all([0, 1].map((replica) => ask(run.fetchReservationFrom, { replica, sku })))
    expect(events.filter((event) => event.endsWith('succeeded'))).toEqual([
      'fetchReservationFrom 1 succeeded',
      'fetchReservationFrom 0 succeeded',
    ])
    await ask(run.fetchReservation, sku)
    expect(events.at(-1)).toBe('fetchReservation 2 succeeded')
  })

  test.for([
    ['dbMs', { dbMs: 10_001, httpMs: 0 }],
    ['httpMs', { dbMs: 0, httpMs: -1 }],
    ['replicaMs[1]', { dbMs: 0, httpMs: 0, replicaMs: [0, 1.5] }],
    ['failures', { dbMs: 0, httpMs: 0, failures: -1 }],
    ['failures', { dbMs: 0, httpMs: 0, failures: 0.5 }],
  ] as const)('a run whose %s cannot be is refused', ([field, options]) => {
    expect(() => port.forRun(options)).toThrow(RangeError)
    expect(() => port.forRun(options)).toThrow(`${field} must be an integer`)
  })
})

describe('with a service that', () => {
  let server: RawServer
  let port: RealPort
  let handle: (socket: Socket, request: string) => void

  beforeAll(async () => {
    server = await startRawServer((socket) => {
      socket.on('data', (chunk: Buffer) => handle(socket, chunk.toString()))
    })
  })
  afterAll(() => server.stop())
  beforeEach(() => {
    port = open(server.url)
  })
  afterEach(async () => {
    await port.close()
    await eventually('every socket is closed', () => server.open === 0)
  })

  function answer(status: string, body: string, headers = '') {
    handle = (socket) =>
      socket.write(
        `HTTP/1.1 ${status}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${headers}\r\n${body}`,
      )
  }

  test('has begun its answer is told of at once, and once, also when 1xx came before', async () => {
    const events: string[] = []
    let finish = () => {}
    handle = (socket) => {
      socket.write('HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 27\r\n\r\n')
      finish = () => socket.write('{"sku":"A-42","reserved":2}')
    }
    const run = port.forRun({ dbMs: 0, httpMs: 0, observe: (_call, event) => events.push(event) })
    const answered = ask(run.fetchReservation, 'A-42')
    await eventually('the head has come', () => events.includes('answering'))
    expect(events).toEqual(['started', 'sent', 'answering'])
    finish()
    await answered
    expect(events).toEqual(['started', 'sent', 'answering', 'succeeded'])
  })

  test.for([
    ['404 Not Found', 404],
    ['500 Internal Server Error', 500],
    ['503 Service Unavailable', 503],
    ['302 Found', 302],
    ['204 No Content', 204],
    ['201 Created', 201],
  ] as const)('answers %s fails with that status', async ([line, status]) => {
    answer(line, status === 204 ? '' : '{"sku":"A-42","reserved":2}', 'Location: /elsewhere\r\n')
    expect(await failure(port.fetchReservation, 'A-42')).toMatchObject({ name: 'HttpError', status })
    expect(server.received).not.toContain('elsewhere')
  })

  test.for([
    'no JSON',
    '',
    'null',
    '[]',
    '42',
    '{}',
    '{"sku":"A-42"}',
    '{"reserved":2}',
    '{"sku":"A-42","reserved":-1}',
    '{"sku":"A-42","reserved":1.5}',
    '{"sku":"A-42","reserved":"2"}',
    '{"sku":"A-42","reserved":null}',
    '{"sku":"A-42","reserved":1e400}',
    '{"sku":"A-42","reserved":9007199254740993}',
    '{"sku":"A-1","reserved":2}',
    '{"sku":"A-42","reserved":2',
  ])('answers 200 with %j fails', async (body) => {
    answer('200 OK', body)
    expect(await failure(port.fetchReservation, 'A-42')).toMatchObject({ name: 'HttpError', status: 200 })
    expect(port.stats().http).toEqual({ requests: 0, sockets: 1, idle: 1 })
  })

  test('answers in several pieces, and with 103 before, is understood', async () => {
    handle = async (socket) => {
      socket.write('HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n')
      for (const piece of [
        'HTTP/1.1 200 OK\r\nContent-Le',
        'ngth: 27\r\n\r\n{"sku":"A-4',
        '2","reserved":2}',
      ]) {
        await sleep(2)
        socket.write(piece)
      }
    }
    expect(await ask(port.fetchReservation, 'A-42')).toEqual({ sku: 'A-42', reserved: 2 })
  })

  test('refuses the connection fails with ECONNREFUSED', async () => {
    const closed = await startRawServer(() => {})
    await closed.stop()
    const refused = open(closed.url)
    const error = await failure(refused.fetchReservation, 'A-42')
    expect(error).toMatchObject({ name: 'HttpError', status: undefined, code: 'ECONNREFUSED' })
    expect(error.message).not.toMatch(/127|http:|reservations/)
    await refused.close()
    expect(refused.stats().http.sockets).toBe(0)
  })

  test('hangs up without an answer fails, and the next call works', async () => {
    handle = (socket) => socket.destroy()
    expect(await failure(port.fetchReservation, 'A-42')).toMatchObject({
      status: undefined,
      code: 'UND_ERR_SOCKET',
    })
    answer('200 OK', '{"sku":"A-42","reserved":2}')
    expect(await ask(port.fetchReservation, 'A-42')).toMatchObject({ reserved: 2 })
  })

  test.for(['', 'Connection: close\r\n'])(
    'hangs up in the middle of its answer fails, and may be asked again: %j',
    async (headers) => {
      handle = (socket) => socket.end(`HTTP/1.1 200 OK\r\n${headers}Content-Length: 27\r\n\r\n{"sku":"A-42",`)
      expect(await failure(port.fetchReservation, 'A-42')).toMatchObject({
        name: 'HttpError',
        status: 200,
        code: 'UND_ERR_SOCKET',
        kind: 'transient',
      })
    },
  )

  test('says twice how long its answer is fails, and would again', async () => {
    answer('200 OK', '{"sku":"A-42","reserved":2}', 'Content-Length: 5\r\n')
    const error = await failure(port.fetchReservation, 'A-42')
    expect(error).toMatchObject({ name: 'HttpError', kind: 'permanent' })
    expect(error.message).not.toContain('lost')
  })

  test('does not speak HTTP fails', async () => {
    handle = (socket) => socket.write('SSH-2.0-OpenSSH_9.2\r\n')
    expect(await failure(port.fetchReservation, 'A-42')).toMatchObject({
      name: 'HttpError',
      status: undefined,
    })
  })

  test.for(['200 OK', '500 Oh No'])(
    'answers %s without end fails at 64 KiB, and its socket is closed',
    async (line) => {
      handle = (socket) => {
        socket.write(`HTTP/1.1 ${line}\r\nTransfer-Encoding: chunked\r\n\r\n`)
        const chunk = `4000\r\n${' '.repeat(0x4000)}\r\n`
        const pour = () => {
          while (!socket.destroyed && socket.write(chunk));
          if (!socket.destroyed) socket.once('drain', pour)
        }
        pour()
      }
      expect(await failure(port.fetchReservation, 'A-42')).toMatchObject({
        status: Number.parseInt(line, 10),
      })
      await eventually('the socket is closed', () => server.open === 0)
    },
  )

  test('answers another status and never ends fails all the same', async () => {
    handle = (socket) => socket.write('HTTP/1.1 500 Oh No\r\nContent-Length: 10\r\n\r\n12345')
    expect(await failure(port.fetchReservation, 'A-42')).toMatchObject({ status: 500 })
    await eventually('the socket is closed', () => server.open === 0)
  })

  test('answers 20 times with a body that nobody wants keeps no socket but the idle one', async () => {
    answer('503 Service Unavailable', 'x'.repeat(10_000))
    const before = server.ever
    for (let i = 0; i < 20; i++) await failure(port.fetchReservation, 'A-42')
    expect(server.ever - before).toBe(1)
    expect(port.stats().http).toEqual({ requests: 0, sockets: 1, idle: 1 })
  })

  test('is in the middle of its answer sees its socket closed within 100 ms of a cancel', async () => {
    handle = (socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 27\r\n\r\n{"sku":"A-42",')
    const before = server.ever
    const cancel = doomed(port.fetchReservation, 'A-42')
    await eventually('it has answered', () => server.ever > before)
    await sleep(10)
    cancel()
    expect(await eventually('the socket is closed', () => server.open === 0)).toBeLessThan(GONE_MS)
    await sleep(5)
    expect(server.ever - before).toBe(1)
  })

  test('tells 408 to an idle socket crashes nothing', async () => {
    handle = (socket) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 27\r\n\r\n{"sku":"A-42","reserved":2}')
      setTimeout(() => socket.end('HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n'), 5)
    }
    for (let i = 0; i < 3; i++) {
      await ask(port.fetchReservation, 'A-42')
      await eventually('the socket is forgotten', () => port.stats().http.sockets === 0)
    }
  })

  test('closes each connection after its answer is asked again on a new one', async () => {
    answer('200 OK', '{"sku":"A-42","reserved":2}', 'Connection: close\r\n')
    const before = server.ever
    for (let i = 0; i < 5; i++) await ask(port.fetchReservation, 'A-42')
    expect(server.ever - before).toBe(5)
  })

  test('never gets through with the TLS handshake sees its socket closed within 100 ms of a cancel', async () => {
    handle = () => {}
    const secure = open(server.url.replace('http:', 'https:'))
    const before = server.ever
    const cancel = doomed(secure.fetchReservation, 'A-42')
    await eventually('it is connected', () => server.ever > before)
    cancel()
    expect(await eventually('the socket is closed', () => server.open === 0)).toBeLessThan(GONE_MS)
    expect(server.ever - before).toBe(1)
    await secure.close()
  })

  test('lives under a path of its own is asked there', async () => {
    answer('200 OK', '{"sku":"A-42","reserved":2}')
    for (const suffix of ['/base/path', '/base/path/']) {
      const based = open(server.url + suffix)
      await ask(based.forRun({ dbMs: 0, httpMs: 7 }).fetchReservation, 'A-42')
      await based.close()
    }
    expect(server.received.match(/GET \/base\/path\/reservations\/A-42\?delayMs=7 HTTP/g)).toHaveLength(2)
  })
})
