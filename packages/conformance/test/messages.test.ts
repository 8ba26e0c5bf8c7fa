/** What a failed clause says must do for whoever has written the style: what went wrong, in which case, and what was expected. */
import { expect, test } from 'vitest'
import type { Style } from '@overlap/workload'
import { judge } from '../src/judge.ts'
import { right } from '../src/wrong-styles/right.ts'

/** What the clause says of the style, one scenario of which is that of `faults`. */
async function messageOf(clauseId: string, faults: Partial<Style>): Promise<string> {
  const style = { name: 'faulty', ...right, ...faults }
  const messages: string[] = []
  const wanted = Object.keys(faults)
  for await (const { error } of judge(style, ({ id }, of) => id === clauseId && wanted.includes(of))) {
    messages.push(error instanceof Error ? error.message : String(error))
  }
  expect(messages).toHaveLength(1)
  return messages.join()
}

test('of a style that throws at its caller, or answers no promise, it says that, and not only that nothing came', async () => {
  const throwing = () => {
    throw new Error('no such thing')
  }
  for (const clause of ['result', 'nothing outlives it', 'nothing left'])
    expect(await messageOf(clause, { combine: throwing })).toContain(
      'thrown at the caller: Error: no such thing',
    )
  // A cast, because that is the fault.
  const silent = (() => undefined) as unknown as Style['combine']
  expect(await messageOf('result', { combine: silent })).toContain('thrown at the caller: TypeError')
})

test('of an input that was not refused, it says which one, and what it must fail with', async () => {
  const message = await messageOf('wrong input', { race: () => new Promise(() => {}) })
  expect(message).toContain("{ replicas: [ 0, -1 ], sku: 'A-42' }")
  expect(message).toContain('RangeError: replicas: expected an integer of at least 0, got -1')
  const batch = await messageOf('wrong input', {
    batch: (port) => right.batch(port, { windowMs: 1, max: 1 }),
  })
  expect(batch).toMatch(/of \{ windowMs: .* \}, which must throw "RangeError: windowMs: expected/)
})

test('of interleaved runs, it says which one, and what has happened to it', async () => {
  const message = await messageOf('alone', {
    combine: (port, sku, signal) =>
      sku === 'A-7' ? new Promise(() => {}) : right.combine(port, sku, signal),
  })
  expect(message).toContain('run 7, after: ')
  expect(message).toContain('"A-7"')
})

test('of a call that throws, it says which one', async () => {
  const message = await messageOf('a throw is a failure', { combine: () => new Promise(() => {}) })
  expect(message).toContain('findStock throws')
})

test('of an abort in the tick of a step, it says so', async () => {
  const message = await messageOf('at every step', {
    async combine(port, sku, signal) {
      signal.throwIfAborted()
      // What comes here is heard by nobody.
      await Promise.resolve()
      if (signal.aborted) return new Promise(() => {})
      return right.combine(port, sku, signal)
    },
  })
  expect(message).toContain('abort in the same tick')
})
