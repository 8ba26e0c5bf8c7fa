import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startReservationService, type ReservationService } from '../src/index.ts'
import { eventually } from './eventually.ts'

let service: ReservationService
beforeAll(async () => {
  service = await startReservationService()
})
afterAll(() => service.stop())

/** Every test has a product of its own. */
let sku: string
let tests = 0
beforeEach(() => {
  sku = `T-${tests++}`
})

async function post(body: unknown, query = '', signal: AbortSignal | null = null) {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const response = await fetch(`${service.url}/orders${query}`, { method: 'POST', body: text, signal })
  const answer: unknown = await response.json()
  return { status: response.status, answer }
}

async function withdraw(order: string) {
  const response = await fetch(`${service.url}/orders/${encodeURIComponent(order)}`, { method: 'DELETE' })
  await response.arrayBuffer()
  return response.status
}

const confirmed = () => service.ledger.units[sku] ?? 0

describe('an order', () => {
  test('is confirmed once, however often it comes', async () => {
    const order = { order: `${sku}/a?b`, sku, units: 3 }
    for (let i = 0; i < 3; i++) expect(await post(order)).toEqual({ status: 200, answer: order })
    expect(confirmed()).toBe(3)
    await post({ order: `${sku}/c`, sku, units: 4 })
    expect(confirmed()).toBe(7)
    expect(await (await fetch(`${service.url}/ledger`)).json()).toMatchObject({
      openRequests: 0,
      units: { [sku]: 7 },
    })
  })

  test('with other content than before is refused', async () => {
    await post({ order: sku, sku, units: 3 })
    for (const other of [
      { order: sku, sku, units: 4 },
      { order: sku, sku: 'A-1', units: 3 },
    ])
      expect((await post(other)).status).toBe(409)
    expect(confirmed()).toBe(3)
  })

  test('is taken back when it is withdrawn, and never confirmed again', async () => {
    const order = { order: `${sku}/ü`, sku, units: 3 }
    await post(order)
    for (let i = 0; i < 2; i++) expect(await withdraw(order.order)).toBe(200)
    expect(service.ledger.units).not.toHaveProperty(sku)
    expect((await post(order)).status).toBe(409)
    expect(confirmed()).toBe(0)
  })

  test('that is withdrawn before it comes is never confirmed', async () => {
    expect(await withdraw(sku)).toBe(200)
    expect((await post({ order: sku, sku, units: 3 })).status).toBe(409)
    expect(confirmed()).toBe(0)
  })

  test('that is withdrawn while it is being decided is not confirmed', async () => {
    const late = post({ order: sku, sku, units: 3 }, '?delayMs=100')
    await eventually('it has arrived', () => service.ledger.openRequests === 1)
    expect(confirmed()).toBe(0)
    await withdraw(sku)
    expect((await late).status).toBe(409)
    expect(confirmed()).toBe(0)
  })

  test('is decided at the end of the delay', async () => {
    const start = performance.now()
    const slow = post({ order: sku, sku, units: 3 }, '?delayMs=60')
    await eventually('it has arrived', () => service.ledger.openRequests === 1)
    expect(confirmed()).toBe(0)
    expect((await slow).status).toBe(200)
    expect(performance.now() - start).toBeGreaterThan(59)
    expect(confirmed()).toBe(3)
  })

  test('of a client that has left before is not confirmed', async () => {
    const leave = new AbortController()
    const left = post({ order: sku, sku, units: 3 }, '?delayMs=60', leave.signal)
    await eventually('it has arrived', () => service.ledger.openRequests === 1)
    leave.abort(new Error('gone'))
    await expect(left).rejects.toThrow('gone')
    await eventually('it is forgotten', () => service.ledger.openRequests === 0)
    await post({ order: `${sku}/after`, sku: 'A-1', units: 1 }, '?delayMs=100')
    expect(confirmed()).toBe(0)
  })

  test('that is asked to fail is not confirmed', async () => {
    expect((await post({ order: sku, sku, units: 3 }, '?delayMs=10&status=503')).status).toBe(503)
    expect(confirmed()).toBe(0)
    expect((await post({ order: sku, sku, units: 3 })).status).toBe(200)
  })

  test.for([
    ['no JSON', 'order must be a text that is not empty'],
    ['', 'order must be a text that is not empty'],
    ['null', 'order must be a text that is not empty'],
    [{ sku: 'A-1', units: 1 }, 'order must be a text that is not empty'],
    [{ order: '', sku: 'A-1', units: 1 }, 'order must be a text that is not empty'],
    [{ order: 7, sku: 'A-1', units: 1 }, 'order must be a text that is not empty'],
    [{ order: 'bad', units: 1 }, 'sku must be a text that is not empty'],
    [{ order: 'bad', sku: '', units: 1 }, 'sku must be a text that is not empty'],
    ...[undefined, null, 0, -1, 1.5, '1', 2 ** 31].map(
      (units) =>
        [{ order: 'bad', sku: 'A-1', units }, 'units must be an integer from 1 to 2147483647'] as const,
    ),
  ] as const)('that reads %j is refused: %s', async ([body, error]) => {
    expect(await post(body)).toEqual({ status: 400, answer: { error } })
  })

  test('of more than 16 KiB is refused', async () => {
    const order = { order: sku, sku, units: 1, note: '' }
    order.note = 'x'.repeat(16 * 1024 - JSON.stringify(order).length)
    expect((await post(order)).status).toBe(200)
    order.note += 'x'
    expect((await post({ ...order, order: `${sku}/long` })).status).toBe(413)
    expect((await post(' '.repeat(1_000_000))).status).toBe(413)
    expect(confirmed()).toBe(1)
  })

  test('may be about any product, and under any name', async () => {
    expect((await post({ order: '__proto__', sku: '__proto__', units: 2 })).status).toBe(200)
    expect(Object.entries(service.ledger.units)).toContainEqual(['__proto__', 2])
    await withdraw('__proto__')
  })
})
