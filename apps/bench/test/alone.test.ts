/** Whether what is measured alone is the same work in every style, and whether it can be measured at all. */
import { type ScenarioName, scenarios, styleNames } from '@overlap/workload'
import { describe, expect, test } from 'vitest'
import { timeInRounds } from '../src/alone/alone-processes.ts'
import { aloneRuns } from '../src/alone/alone-runs.ts'
import { BATCH, openBatches } from '../src/alone/alone.ts'
import { nativeNames } from '../src/alone/native.ts'

const subjects = [...styleNames, 'calls alone'] as const

describe.for(scenarios)('$name', ({ name: scenario }) => {
  test('ends in every style on a port without timers, after the calls of the others', async () => {
    const calls = new Map<string, number>()
    for (const style of subjects) {
      const batches = await openBatches({ scenario, style })
      await batches.runBatch()
      calls.set(style, batches.calls() / BATCH)
    }
    expect(calls).toEqual(new Map(subjects.map((style) => [style, callsOf[scenario]])))
  })
})

/** Calls that one run makes. */
const callsOf: Readonly<Record<ScenarioName, number>> = {
  sequence: 2,
  combine: 2,
  timeout: 2,
  retry: 1,
  race: 3,
  hedge: 1,
  transaction: 4,
  limit: 8,
  stream: 8,
  latest: 8,
  batch: 1,
  thumbnails: 12,
  subscribe: 2,
  regulate: 4,
  shutdown: 2,
  echo: 6,
}

test.for(nativeNames)('combine ends in the terms of %s', async (native) => {
  const batches = await openBatches({ native })
  await batches.runBatch()
})

test('every scenario has its run', () => {
  expect(Object.keys(aloneRuns)).toEqual(scenarios.map(({ name }) => name))
})

test('one subject can be measured for one round, and leaves no process', async () => {
  const processes = () => process.getActiveResourcesInfo().filter((name) => name === 'ProcessWrap').length
  const before = processes()
  const slices = await timeInRounds(new Map([['callbacks', { native: 'callbacks' }]]), 1)
  expect(slices.get('callbacks')).toEqual([{ ns: expect.any(Number) as number, calls: 0 }])
  // Its handle is closed in a later turn than its end.
  await expect.poll(processes).toBe(before)
}, 20_000)
