import { expect, test } from 'vitest'
import {
  ClosedError,
  DatabaseError,
  HttpError,
  OutOfStockError,
  OverloadedError,
  TIMER_LIMIT_MS,
  TimeoutError,
  UnknownSkuError,
  backoffMs,
  isRetriable,
} from '../src/index.ts'

test.for([
  new HttpError('busy', { status: 503 }),
  new HttpError('lost', { code: 'ECONNRESET' }),
  new HttpError('it took too long', { code: 'ETIMEDOUT' }),
  new DatabaseError('connection refused', { code: 'ECONNREFUSED' }),
  new AggregateError([new HttpError('busy', { status: 503 })]),
])('%o is worth another attempt', (error) => {
  expect(isRetriable(error)).toBe(true)
})

test.for([
  new HttpError('refused', { status: 404 }),
  new HttpError('nobody knows'),
  new DatabaseError('no such table', { code: '42P01' }),
  new UnknownSkuError('A-42'),
  new OutOfStockError('A-42', 2, 1),
  new TimeoutError(100),
  new ClosedError(),
  new OverloadedError('bar'),
  new AggregateError([]),
  new TypeError('a bug'),
  Object.assign(new Error('looks like it'), { name: 'HttpError', status: 503, kind: 'transient' }),
  new Error('wraps it', { cause: new HttpError('busy', { status: 503 }) }),
  { kind: 'transient' },
  'ECONNRESET',
  503,
  null,
  undefined,
])('%o is not worth another attempt', (error) => {
  expect(isRetriable(error)).toBe(false)
})

const atMost = (share: number) => () => share
const least = atMost(0)
const most = atMost(1 - 2 ** -53)

test('the bound of the wait doubles for each retry, up to the cap', () => {
  const bounds = [1, 2, 3, 4, 5, 6].map((retry) =>
    backoffMs(retry, { baseMs: 100, capMs: 1_000, random: most }),
  )
  expect(bounds).toEqual([100, 200, 400, 800, 1_000, 1_000])
})

test('a cap below the base bounds the first wait too', () => {
  expect(backoffMs(1, { baseMs: 100, capMs: 30, random: most })).toBe(30)
})

test.for([1, 2, 5, 100])('before retry %d, the wait may be 0', (retry) => {
  expect(backoffMs(retry, { baseMs: 100, capMs: 1_000, random: least })).toBe(0)
})

test.for([
  [0, 1_000],
  [100, 0],
  [0, 0],
])('with a base of %d ms and a cap of %d, it never waits', ([baseMs, capMs]) => {
  for (const retry of [1, 2, 32, 1_024, 1_025, 5_000, Number.MAX_SAFE_INTEGER])
    expect(backoffMs(retry, { baseMs: baseMs ?? 0, capMs: capMs ?? 0, random: most })).toBe(0)
})

test.for([31, 32, 33, 1_024, 1_025, Number.MAX_SAFE_INTEGER])('retry %d does not overflow', (retry) => {
  expect(backoffMs(retry, { baseMs: 1, capMs: TIMER_LIMIT_MS, random: most })).toBe(
    Math.min(TIMER_LIMIT_MS, 2 ** (retry - 1)),
  )
})

test('draws once', () => {
  let draws = 0
  const random = () => {
    draws++
    return 0.5
  }
  expect(backoffMs(2, { baseMs: 100, capMs: 1_000, random })).toBe(100)
  expect(draws).toBe(1)
})

/** A generator of its own, so that the test says the same each time (mulberry32). */
function seeded(seed: number) {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

test.for([
  ['seeded', seeded(42)],
  ['Math.random', undefined],
] as const)(
  'of 10,000 waits drawn from %s, the mean is half the bound and each tenth gets a tenth',
  ([, random]) => {
    const waits = Array.from({ length: 10_000 }, () =>
      backoffMs(4, { baseMs: 125, capMs: 999, ...(random && { random }) }),
    )
    expect(waits.every((ms) => Number.isInteger(ms) && ms >= 0 && ms <= 999)).toBe(true)
    const mean = waits.reduce((sum, ms) => sum + ms, 0) / waits.length
    expect(Math.abs(mean - 499.5)).toBeLessThan(499.5 * 0.05)
    for (let tenth = 0; tenth < 10; tenth++) {
      const share = waits.filter((ms) => Math.floor(ms / 100) === tenth).length
      expect(Math.abs(share - 1_000)).toBeLessThan(200)
    }
  },
)

test('both ends of the range come up as often as what lies between', () => {
  const waits = Array.from({ length: 4_000 }, (_, n) =>
    backoffMs(1, { baseMs: 3, capMs: 3, random: () => n / 4_000 }),
  )
  expect([0, 1, 2, 3].map((ms) => waits.filter((wait) => wait === ms).length)).toEqual([
    1_000, 1_000, 1_000, 1_000,
  ])
})
