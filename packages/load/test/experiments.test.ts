import { expect, test } from 'vitest'
import { experiments, isHeld } from '../src/experiments.ts'

test('the table has all fourteen, in their order', () => {
  expect(experiments.map(({ id }) => id)).toEqual(Array.from({ length: 14 }, (_, n) => `E${n + 1}`))
})

test('a ratio is held within 15 % of theirs, on both sides', () => {
  const ratio = { of: 'a / b', theirs: 2, holds: 'about' } as const
  expect([1.69, 1.71, 2, 2.29, 2.31].map((ours) => isHeld(ratio, ours))).toEqual([
    false,
    true,
    true,
    true,
    false,
  ])
})

test('one that depends on the language or the machine is held above 1', () => {
  const ratio = { of: 'a / b', theirs: 5, holds: 'above 1' } as const
  expect([0.9, 1, 1.01, 400].map((ours) => isHeld(ratio, ours))).toEqual([false, false, true, true])
})

test('each of the talks’ own ratios holds for the talks', () => {
  expect(experiments.every(({ ratio }) => !ratio || isHeld(ratio, ratio.theirs))).toBe(true)
  // Theirs are more than 15 % from none at all, but for those that are about equal.
  const told = experiments.filter(({ ratio }) => ratio?.holds === 'about' && !isHeld(ratio, 1))
  expect(told.map(({ id }) => id)).toEqual(['E3', 'E6', 'E8', 'E11', 'E14'])
})
