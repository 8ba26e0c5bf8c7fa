import { expect, onTestFinished, test } from 'vitest'
import { startChild } from '../src/child.ts'

test('whoever waits for a message of a process that ends is told so', async () => {
  const child = startChild(new URL('../src/clients/holding-service.main.ts', import.meta.url), {})
  onTestFinished(() => child.stop())
  expect(await child.next()).toMatch(/^http:/)
  const held = child.ask('hold 1')
  await child.stop()
  await expect(held).rejects.toThrow('holding-service.main.ts has ended')
})
