/**
 * What 300 runs in each style leave behind. So few say little about the heap, which goes on growing while things are
 * warming up; `npm run soak` has 20,000.
 */
import { styleNames } from '@overlap/workload'
import { expect, onTestFinished, test } from 'vitest'
import { findLeaks, judge, openGrounds } from '../src/soak/leaks.ts'

test('runs of every scenario leave no listener, timer, handle, file or session behind, however they end', async () => {
  const grounds = await openGrounds()
  onTestFinished(() => grounds.stop())
  const leaks = await findLeaks(grounds, { styles: styleNames, warmUp: 100, runs: 300, samples: 2 })
  // What the soak allows is less, and needs more runs to be seen.
  expect(judge(leaks, { bytesPerRun: 500 })).toEqual([])
  expect(leaks.outcomes).toHaveLength(styleNames.length)
  for (const outcomes of leaks.outcomes)
    expect(Object.keys(outcomes)).toEqual(
      expect.arrayContaining(['answer', 'CallerLeft', 'TimeoutError', 'HttpError', 'UnknownSkuError']),
    )
}, 60_000)
