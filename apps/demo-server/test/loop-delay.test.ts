import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { LoopDelay } from '../src/loop-delay.ts'

function block(ms: number) {
  for (const end = performance.now() + ms; performance.now() < end;);
}

test('a turn that has blocked the loop is told within it, in a later one, and when it began right after a reset', async () => {
  const delay = new LoopDelay()
  onTestFinished(() => delay.stop())
  await sleep(30)
  block(200)
  expect(delay.p99).toBeGreaterThan(150)
  delay.reset()
  expect(delay.p99).toBeLessThan(150)
  block(200)
  await sleep(30)
  expect(delay.p99).toBeGreaterThan(150)
})
