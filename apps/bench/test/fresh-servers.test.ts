import { expect, test } from 'vitest'
import { freshServers } from '../src/server/fresh-servers.ts'
import type { Slice } from '../src/server/slices.ts'
import { slice } from './slice.ts'

const rounds = [0, 1, 2, 3, 4, 5]

test('a round says of a subject what the median of its slices is, and rounds are compared with each other', () => {
  const slices = rounds.flatMap((round) => [
    ...slicesOf('floor', round, [1000, 1000, 1000]),
    ...slicesOf('floor again (A/A)', round, [1000, 1000, 1000]),
    ...slicesOf('callbacks, demo server', round, [920, 100, 930]),
    ...slicesOf('callbacks', round, [960, 960, 960]),
    ...slicesOf('most people', round, [300, 300, 300]),
    ...slicesOf('promises, demo server', round, [round < 5 ? 800 : 100, 800, 800]),
    ...slicesOf('generators, demo server', round, [round < 3 ? 850 : 950, 5000, 1]),
  ])
  const text = freshServers.render({ slices, cold: slices }, { effect: { combine: ['abort', 'once'] } })
  const row = (name: string) => text.split('\n').find((line) => line.startsWith(`| ${name} |`))
  expect(row('callbacks, demo server')).toContain('| 920 | 0.92 (0.92–0.92) |')
  expect(row('callbacks, demo server')).toContain('0.9 × floor: reached')
  expect(row('callbacks')).toContain('| 960 | 0.96 (0.96–0.96) | 3.20 |')
  expect(row('callbacks')).toContain('0.95 × floor: reached; 2.5 × most people: reached')
  expect(row('promises, demo server')).toContain('| 800 | 0.80 (0.80–0.80) |')
  expect(row('promises, demo server')).toContain('0.9 × floor: missed')
  expect(row('generators, demo server')).toContain('| 900 | 0.90 (0.85–0.95) |')
  expect(row('generators, demo server')).toContain('0.9 × floor: undecided')
  expect(row('effect')).toContain('not measured: clause abort, once')
})

function slicesOf(subject: string, round: number, perSecond: readonly number[]): Slice[] {
  return perSecond.map((each) => slice(subject, round, each))
}
