import { expect, test } from 'vitest'
import { regulate } from '../src/index.ts'

const request = { key: 'bar', urgency: 3 }

test('no work is started with a signal that has aborted between its turn and its start', async () => {
  const { signal: never } = new AbortController()
  const starts: ('wanted' | 'aborted')[] = []
  // The place is handed over in some microtasks: the one who waits is aborted after each of them.
  for (let microtasks = 0; microtasks < 12; microtasks++) {
    const regulator = regulate({ limit: 1, queue: 1, agingMs: 0 })
    const first = Promise.withResolvers<void>()
    const running = regulator.through(request, () => first.promise, never)
    const controller = new AbortController()
    const waiting = regulator.through(
      request,
      async ({ aborted }) => void starts.push(aborted ? 'aborted' : 'wanted'),
      controller.signal,
    )
    waiting.catch(() => {})
    first.resolve()
    for (let left = microtasks; left > 0; left--) await Promise.resolve()
    controller.abort()
    await Promise.allSettled([running, waiting])
    expect(regulator.keys()).toBe(0)
  }
  expect(new Set(starts)).toEqual(new Set(['wanted']))
})
