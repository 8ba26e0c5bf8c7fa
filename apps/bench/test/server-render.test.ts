import { expect, test } from 'vitest'
import { judge, renderServer } from '../src/server/server-render.ts'
import { slice } from './slice.ts'

const around = (ratio: number) => ({ ratio, low: ratio - 0.02, high: ratio + 0.02 })

test('an aim is reached when the interval lies above it, missed when it lies below, and undecided in between', () => {
  const people = around(3)
  expect(judge('promises', 100, { floor: around(0.98), people })[0]).toBe('0.95 × floor: reached')
  expect(judge('promises', 100, { floor: around(0.96), people })[0]).toBe('0.95 × floor: undecided')
  expect(judge('promises', 100, { floor: around(0.92), people })[0]).toBe('0.95 × floor: missed')
})

test('each style has the aim of its number of connections, and who is no style has none', () => {
  const ratios = { floor: around(0.88), people: around(2) }
  expect(judge('effect', 10, ratios)).toEqual(['2.5 × most people: missed'])
  expect(judge('effect', 100, ratios)).toEqual(['0.9 × floor: undecided', '2.5 × most people: missed'])
  expect(judge('effect', 1000, ratios)).toEqual(['0.85 × floor: reached', '2.5 × most people: missed'])
  expect(judge('limit', 100, ratios)).toEqual([])
})

test('nothing is concluded where the floor differs from itself as much, and a style that fails a clause is not measured', () => {
  const slices = [0, 1, 2, 3, 4, 5, 6].flatMap((round) => [
    slice('floor', round, 1000),
    slice('floor again (A/A)', round, 900 + 30 * round),
    slice('callbacks', round, 950),
    slice('limit', round, 2000),
  ])
  const text = renderServer(
    { slices, cold: [], open: { perSecond: 1, samples: [] } },
    { effect: { combine: ['abort', 'once'] } },
  )
  const row = (name: string) => text.split('\n').find((line) => line.startsWith(`| ${name} |`))
  expect(row('callbacks')).toContain('requests/s: no difference seen')
  expect(row('limit')).toContain('requests/s: more')
  expect(row('effect')).toContain('not measured: clause abort, once')
})

test('what is × floor is beside the mean of its two processes, and they are beside each other', () => {
  const slices = [0, 1, 2, 3, 4, 5, 6].flatMap((round) => [
    slice('floor', round, 1000),
    slice('floor again (A/A)', round, 800),
    slice('callbacks', round, 900),
  ])
  const text = renderServer({ slices, cold: [], open: { perSecond: 1, samples: [] } }, {})
  const ratioOf = (name: string) => new RegExp(`^\\| ${name} \\| \\S+ \\| (\\S+)`, 'm').exec(text)?.[1]
  expect(ratioOf('callbacks')).toBe('1.00')
  expect(ratioOf('floor again \\(A/A\\)')).toBe('0.80')
})
