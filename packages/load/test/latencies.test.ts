import { expect, test } from 'vitest'
import { binOf, binStartMs } from '../src/bins.ts'
import { Latencies } from '../src/latencies.ts'

const record = (values: readonly number[]) => {
  const latencies = new Latencies()
  for (const value of values) latencies.record(value)
  return latencies
}

test('tells quantiles to three digits, and the maximum', () => {
  const { count, times } = record(Array.from({ length: 1000 }, (_, index) => index + 1))
  expect(count).toBe(1000)
  expect(times?.p50).toBeCloseTo(500, -0.4)
  expect(times?.p90).toBeCloseTo(900, -0.4)
  expect(times?.p99).toBeCloseTo(990, -0.4)
  expect(times?.max).toBeCloseTo(1000, -0.4)
})

test('has no times when nothing was recorded, and none after a reset', () => {
  const latencies = record([1])
  latencies.reset()
  expect([latencies.count, latencies.times, latencies.bins]).toEqual([0, null, []])
  expect(new Latencies().times).toBeNull()
})

test('counts what is added as if it had recorded it itself', () => {
  const sum = record([1, 2, 300])
  sum.add(record([2, 4]))
  const all = record([1, 2, 300, 2, 4])
  expect([sum.count, sum.times, sum.bins]).toEqual([all.count, all.times, all.bins])
})

test('has its bins in their order, four for each doubling', () => {
  expect(record([8, 1, 1.1, 1.2, 2]).bins).toEqual([
    [0, 2],
    [1, 1],
    [4, 1],
    [12, 1],
  ])
})

test('a bin holds what begins with its start', () => {
  for (const n of [-20, -1, 0, 1, 33]) {
    expect(binOf(binStartMs(n) * 1.0001)).toBe(n)
    expect(binOf(binStartMs(n + 1) * 0.9999)).toBe(n)
  }
})

test('takes 0 for the least, and what is too long for the longest that it can tell', () => {
  const { count, times } = record([0, 1e9])
  expect(count).toBe(2)
  expect(times?.p50).toBe(0.001)
  expect(times?.max).toBeCloseTo(600_000, -3)
})
