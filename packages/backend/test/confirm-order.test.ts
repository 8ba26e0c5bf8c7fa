import { setTimeout as sleep } from 'node:timers/promises'
import { HttpError } from '@overlap/workload'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openPort, startReservationService, type RealPort, type ReservationService } from '../src/index.ts'
import { eventually, GONE_MS } from './eventually.ts'
import { ask, doomed, failure } from './outcome.ts'
import { startRawServer } from './raw-server.ts'

/** Nothing here touches Postgres, and the port connects to it only when it is asked. */
const NO_DATABASE = 'postgres://127.0.0.1:1/none'

let service: ReservationService
let port: RealPort
let orders = 0

beforeAll(async () => {
  service = await startReservationService({ replicas: 2 })
})
afterAll(() => service.stop())
beforeEach(() => {
  port = openPort({ databaseUrl: NO_DATABASE, upstreamUrls: service.urls, poolMax: 1 })
})
afterEach(() => port.close())

/** Of a product of its own. */
function newOrder(units = 3) {
  const order = `confirm-${orders++}`
  return { order, sku: order, units }
}

describe('an order', () => {
  test('is confirmed by the service itself', async () => {
    const order = newOrder()
    expect(await ask(port.confirmOrder, order)).toEqual(order)
    expect(await ask(port.confirmOrder, order)).toEqual(order)
    expect(service.ledgers.map(({ units }) => units[order.sku])).toEqual([3, undefined])
  })

  test('is told apart by what is in it, whatever that is', async () => {
    const order = { order: 'a/b?c#d "é\u0000', sku: '\ud800', units: 1 }
    expect(await ask(port.confirmOrder, order)).toEqual(order)
    expect(await failure(port.confirmOrder, { ...order, units: 2 })).toMatchObject({ status: 409 })
    expect(await failure(port.confirmOrder, { ...order, units: 0 })).toMatchObject({ status: 400 })
  })

  test('takes as long as the run says, and fails as often', async () => {
    const order = newOrder()
    const run = port.forRun({ dbMs: 0, httpMs: 60, failures: 1 })
    const start = performance.now()
    expect(await failure(run.confirmOrder, order)).toMatchObject({ name: 'HttpError', status: 503 })
    expect(performance.now() - start).toBeGreaterThan(59)
    expect(service.ledger.units).not.toHaveProperty(order.sku)
    expect(await ask(run.confirmOrder, order)).toEqual(order)
  })

  test('cancelled while the service works has its socket closed within 100 ms, and is not confirmed', async () => {
    const order = newOrder()
    const events: string[] = []
    const observe = (name: string, event: string, id: number) => events.push(`${name} ${id} ${event}`)
    const run = port.forRun({ dbMs: 0, httpMs: 200, observe })
    const cancel = doomed(run.confirmOrder, order)
    await eventually('the service works', () => service.ledger.openRequests === 1)
    cancel()
    const ms = await eventually('the socket is closed', () => service.ledger.openSockets === 0)
    expect(ms).toBeLessThan(GONE_MS)
    await eventually('it has stopped', () => events.length === 4)
    expect(events).toEqual(
      ['started', 'sent', 'cancelled', 'stopped'].map((event) => `confirmOrder 0 ${event}`),
    )
    await sleep(250)
    expect(service.ledger.units).not.toHaveProperty(order.sku)
  })

  test('cancelled before its socket was written to is never sent', async () => {
    const { requests } = service.ledger
    doomed(port.confirmOrder, newOrder())()
    await eventually('no socket is left', () => port.stats().http.sockets === 0)
    await ask(port.fetchReservation, 'A-42')
    doomed(port.confirmOrder, newOrder())()
    await eventually('no socket is left', () => port.stats().http.sockets === 0)
    await sleep(20)
    expect(service.ledger.requests - requests).toBe(1)
  })

  test('fails once the port is closed', async () => {
    await port.close()
    expect(await failure(port.confirmOrder, newOrder())).toMatchObject({ message: 'the port is closed' })
    doomed(port.confirmOrder, newOrder())()
  })
})

describe('a confirmation', () => {
  test.for([
    ['200 OK', 'no JSON'],
    ['200 OK', '{}'],
    ['200 OK', '{"order":"o","sku":"s"}'],
    ['200 OK', '{"order":"p","sku":"s","units":1}'],
    ['200 OK', '{"order":"o","sku":"t","units":1}'],
    ['200 OK', '{"order":"o","sku":"s","units":2}'],
    ['200 OK', '{"order":"o","sku":"s","units":"1"}'],
    ['201 Created', '{"order":"o","sku":"s","units":1}'],
    ['204 No Content', ''],
    ['409 Conflict', '{"order":"o","sku":"s","units":1}'],
  ] as const)('that reads %s %j is none', async ([line, body]) => {
    const raw = await startRawServer((socket) => {
      socket.on('data', () =>
        socket.write(`HTTP/1.1 ${line}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`),
      )
    })
    const other = openPort({ databaseUrl: NO_DATABASE, upstreamUrls: [raw.url], poolMax: 1 })
    const error = await failure(other.confirmOrder, { order: 'o', sku: 's', units: 1 })
    expect(error).toBeInstanceOf(HttpError)
    expect(error).toMatchObject({ status: Number.parseInt(line, 10) })
    expect(raw.received).toContain('{"order":"o","sku":"s","units":1}')
    await other.close()
    await raw.stop()
  })
})
