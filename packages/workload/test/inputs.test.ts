import { describe, expect, test } from 'vitest'
import {
  type HedgeInput,
  TIMER_LIMIT_MS,
  checkHedge,
  checkLimit,
  checkRace,
  checkRetry,
  checkShutdown,
  checkTimeout,
  checkTransaction,
} from '../src/index.ts'

/** What an input needs besides the field that is tried. */
const rest = {
  sku: 'A-42',
  attempts: 3,
  baseMs: 10,
  capMs: 100,
  delayMs: 50,
  replicas: [0, 1],
  skus: ['A-42'],
}

const fields: readonly {
  readonly field: string
  readonly check: (value: number) => void
  readonly least: number
  readonly most: number
}[] = [
  { field: 'ms', check: (ms) => checkTimeout({ ...rest, ms }), least: 1, most: TIMER_LIMIT_MS },
  {
    field: 'attempts',
    check: (attempts) => checkRetry({ ...rest, attempts }),
    least: 1,
    most: Number.MAX_SAFE_INTEGER,
  },
  { field: 'baseMs', check: (baseMs) => checkRetry({ ...rest, baseMs }), least: 0, most: TIMER_LIMIT_MS },
  { field: 'capMs', check: (capMs) => checkRetry({ ...rest, capMs }), least: 0, most: TIMER_LIMIT_MS },
  {
    field: 'replicas',
    check: (replica) => checkRace({ ...rest, replicas: [1, replica] }),
    least: 0,
    most: Number.MAX_SAFE_INTEGER,
  },
  { field: 'delayMs', check: (delayMs) => checkHedge({ ...rest, delayMs }), least: 1, most: TIMER_LIMIT_MS },
  { field: 'units', check: (units) => checkTransaction({ ...rest, units }), least: 1, most: 2 ** 31 - 1 },
  {
    field: 'limit',
    check: (limit) => checkLimit({ ...rest, limit }),
    least: 1,
    most: Number.MAX_SAFE_INTEGER,
  },
  { field: 'graceMs', check: (graceMs) => checkShutdown({ graceMs }), least: 0, most: TIMER_LIMIT_MS },
]

describe.for(fields)('$field', ({ field, check, least, most }) => {
  const range = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`

  test.for([least, least + 2, most])('may be %d', (value) => {
    expect(() => check(value)).not.toThrow()
  })

  test.for([least - 1, most + 1, -1, 1.5, least + 2 ** -20, -Infinity, Infinity, NaN])(
    'may not be %d, and the error says what may',
    (value) => {
      const expected = new RangeError(`${field}: expected an integer ${range}, got ${value}`)
      expect(() => check(value)).toThrow(expected)
      expect(() => check(value)).toThrow(RangeError)
    },
  )

  test.for<unknown>(['3', '', null, undefined, true, 3n])('may not be %s, which is no number', (value) => {
    // A cast, because a caller without types can pass anything.
    expect(() => check(value as number)).toThrow(
      new RangeError(`${field}: expected an integer ${range}, got ${String(value)}`),
    )
  })
})

test('the longest time is the longest that Node waits for', () => {
  expect(TIMER_LIMIT_MS).toBe(0x7fffffff)
})

describe.for([
  { name: 'race', check: (replicas: readonly number[]) => checkRace({ ...rest, replicas }) },
  { name: 'hedge', check: (replicas: readonly number[]) => checkHedge({ ...rest, replicas }) },
])('the replicas of $name', ({ check }) => {
  test('may be none, and in any order', () => {
    expect(() => check([])).not.toThrow()
    expect(() => check([2, 0, 1])).not.toThrow()
  })

  test('may not be the same twice', () => {
    expect(() => check([0, 1, 0])).toThrow(new RangeError('replicas: expected no two the same, got 0, 1, 0'))
  })

  test('may not be the same twice as 0 and −0', () => {
    expect(() => check([0, -0])).toThrow(RangeError)
  })
})

test('hedge checks its replicas and its delay', () => {
  const input: HedgeInput = { sku: 'A-42', replicas: [0], delayMs: 1 }
  expect(() => checkHedge({ ...input, replicas: [-1] })).toThrow('replicas: expected')
  expect(() => checkHedge({ ...input, delayMs: 0 })).toThrow('delayMs: expected')
})

test('limit may have no sku, and equal ones', () => {
  expect(() => checkLimit({ skus: [], limit: 1 })).not.toThrow()
  expect(() => checkLimit({ skus: ['A-42', 'A-42'], limit: 1 })).not.toThrow()
})

test('retry may have a cap below its base', () => {
  expect(() => checkRetry({ ...rest, baseMs: 100, capMs: 10 })).not.toThrow()
})
