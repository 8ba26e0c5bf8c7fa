/** What the part `stacks` finds, and makes of it. */
import { scenarios, styleNames } from '@overlap/workload'
import { expect, test } from 'vitest'
import { stacks } from '../src/stacks/stacks.ts'

const settings = { rounds: 1, gate: {}, tell: () => {} }

test('every scenario of every style is failed in two ways, and each error is told with where it leads', async () => {
  const told = await stacks.measure(settings)
  expect(told).toHaveLength(2 * scenarios.length * styleNames.length)
  expect(told.filter(({ how }) => how === 'never ended')).toEqual([])
  const find = (style: string, scenario: string, failure: string) =>
    told.find((one) => one.style === style && one.scenario === scenario && one.failure === failure)
  // What the port makes in a later turn knows nothing of who waits for it; a function that throws is on its own stack.
  expect(find('promises', 'combine', 'port')).toMatchObject({ how: 'failed', names: 'nothing' })
  expect(find('promises', 'combine', 'nonsense')).toMatchObject({ how: 'failed', names: 'scenario' })
  expect(find('callbacks', 'combine', 'nonsense')).toMatchObject({ how: 'thrown into the port' })
  expect(stacks.render(told, {})).toMatch(
    /\| `combine` \| into the port: combine\.ts:\d+ \| combine\.ts:\d+ \|/,
  )
  expect(stacks.render(told, { promises: { combine: ['abort'] } })).toMatch(
    /\| `combine` \| into the port: combine\.ts:\d+ \| not measured: it fails a clause \|/,
  )
}, 30_000)
