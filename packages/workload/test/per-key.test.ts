import { expect, test } from 'vitest'
import { PerKey } from '../src/index.ts'

/** Idle unless it is busy. */
const create = () => ({ busy: true })

function keyed() {
  const made: string[] = []
  const all = new PerKey(
    (key) => {
      made.push(key)
      return create()
    },
    ({ busy }) => !busy,
  )
  return { all, made }
}

test('is made once, for as long as it is not idle', () => {
  const { all, made } = keyed()
  expect(all.get('a')).toBe(all.get('a'))
  all.release('a')
  all.get('a')
  all.get('b')
  expect(made).toEqual(['a', 'b'])
  expect(all.size).toBe(2)
})

test('is forgotten when it is released, and idle', () => {
  const { all, made } = keyed()
  all.get('a').busy = false
  all.release('a')
  expect(all.size).toBe(0)
  all.get('a')
  expect(made).toEqual(['a', 'a'])
})

test('any text is a key', () => {
  const { all } = keyed()
  for (const key of ['', '__proto__', 'constructor', 'é']) expect(all.get(key)).toEqual({ busy: true })
  all.release('never heard of')
  expect(all.size).toBe(4)
})

test('what becomes idle by itself is not counted, and not kept for long', () => {
  let created = 0
  const kept = new Set<number>()
  const all = new PerKey(
    () => {
      const value = { n: created++, busy: false }
      kept.add(value.n)
      return value
    },
    ({ n, busy }) => {
      if (!busy) kept.delete(n)
      return !busy
    },
  )
  for (let n = 0; n < 10_000; n++) {
    all.get(`key ${n}`)
    expect(kept.size).toBeLessThanOrEqual(16)
  }
  all.get('busy').busy = true
  expect(all.size).toBe(1)
})
