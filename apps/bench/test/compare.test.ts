import { expect, test } from 'vitest'
import { type Comparison, compare, isDifferent } from '../src/compare.ts'

const one = (rounds: number) => Array.from({ length: rounds }, () => 1)
const upTo = (rounds: number) => Array.from({ length: rounds }, (_, n) => n + 1)

test('compares round by round: what doubles in both changes nothing', () => {
  expect(compare([2, 20, 4], [1, 10, 2])).toMatchObject({ ratio: 2, low: 2, high: 2 })
})

// Of the table of the sign test, which is that of the binomial distribution.
test.for([
  [6, 1, 6],
  [13, 3, 11],
  [20, 6, 15],
  [30, 10, 21],
] as const)('of %i rounds, the interval is from the %ith to the %ith', ([rounds, low, high]) => {
  expect(compare(upTo(rounds), one(rounds))).toMatchObject({ low, high })
})

test('as many rounds of both must be there', () => {
  expect(() => compare([1, 2], [1])).toThrow(RangeError)
  expect(() => compare([], [])).toThrow(RangeError)
})

const control: Comparison = { ratio: 1, low: 0.97, high: 1.02 }

test.for([
  ['holds 1', { ratio: 0.9, low: 0.8, high: 1.01 }, false],
  ['is further away than the control’s', { ratio: 0.9, low: 0.88, high: 0.95 }, true],
  ['is no further away than the control’s', { ratio: 1.03, low: 1.01, high: 1.04 }, false],
  ['is above 1', { ratio: 1.2, low: 1.1, high: 1.3 }, true],
] as const)('a difference whose interval %s: is it seen?', ([, comparison, seen]) => {
  expect(isDifferent(comparison, control)).toBe(seen)
})
