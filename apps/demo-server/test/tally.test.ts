/** What is counted of runs that have settled. */
import { expect, test } from 'vitest'
import { Tally } from '../src/tally.ts'

test('counts how many runs took at most so long, the bound included', () => {
  const tally = new Tally()
  tally.add('succeeded', 0)
  tally.add('succeeded', 1)
  tally.add('failed', 1.5)
  tally.add('cancelled', 300)
  tally.add('cancelled', 25_000.5)
  const counts = new Map(tally.cumulated().map(({ leMs, count }) => [leMs, count]))
  expect([1, 2.5, 250, 300, 25_000, Infinity].map((leMs) => counts.get(leMs))).toEqual([2, 3, 3, 4, 4, 5])
  expect(tally).toMatchObject({ succeeded: 2, failed: 1, cancelled: 2, settled: 5, sumMs: 25_303 })
})
