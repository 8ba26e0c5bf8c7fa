/** What has not settled, by itself: that who settles leaves the others alone, and is held on to by nobody. */
import v8 from 'node:v8'
import vm from 'node:vm'
import { expect, test } from 'vitest'
import { ClosingError, Runs } from '../src/runs.ts'

class Run {
  place = -1
  readonly endless: boolean
  reason: Error | undefined
  readonly #runs: Runs

  constructor(runs: Runs, endless = false) {
    this.#runs = runs
    this.endless = endless
    runs.add(this)
  }

  cancel(reason: Error): void {
    this.reason = reason
    this.#runs.delete(this)
  }
}

test('drain cancels what has not settled and nothing else, whoever settled before and in which order', async () => {
  const runs = new Runs()
  const all = Array.from({ length: 6 }, () => new Run(runs))
  const settled = [2, 0, 5, 3].map((at) => all[at])
  for (const run of settled) if (run) runs.delete(run)
  expect(await runs.drain(0)).toBe(false)
  expect(all.filter(({ reason }) => reason instanceof ClosingError)).toEqual([all[1], all[4]])
})

test('drain cancels at once what is endless, and waits for the rest', async () => {
  const runs = new Runs()
  const all = [true, false, true, true, false].map((endless) => new Run(runs, endless))
  const drained = runs.drain(60_000)
  expect(all.filter(({ reason }) => reason)).toEqual(all.filter(({ endless }) => endless))
  for (const run of all) if (!run.endless) runs.delete(run)
  expect(await drained).toBe(true)
})

test('a run that has settled is gone when the young generation is collected, however many there have been', () => {
  v8.setFlagsFromString('--expose-gc')
  // A cast: the flag has just made it.
  const collect = vm.runInNewContext('gc') as (how: { type: 'minor' | 'major' }) => void
  const bytes = 10_000
  class Heavy extends Run {
    readonly ballast = Array.from({ length: bytes / 8 }, () => 0)
  }
  const runs = new Runs()
  const running = Array.from({ length: 100 }, () => new Heavy(runs))
  collect({ type: 'major' })
  const before = v8.getHeapStatistics().used_heap_size
  for (let n = 0; n < 5000; n++) {
    const at = n % running.length
    const settled = running[at]
    if (settled) runs.delete(settled)
    running[at] = new Heavy(runs)
    if (n % 500 === 499) collect({ type: 'minor' })
  }
  // What ran while it was collected has grown old, and is only collected with the old: about 100 of them are.
  expect((v8.getHeapStatistics().used_heap_size - before) / bytes).toBeLessThan(300)
})
