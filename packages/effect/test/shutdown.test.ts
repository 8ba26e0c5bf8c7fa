import { Backend, liftBackend, shutdown } from '@overlap/effect'
import type { Cancel, Port } from '@overlap/workload'
import { Effect, Scope } from 'effect'
import { expect, test } from 'vitest'

test('an answer that is interrupted where its fiber yields leaves no call running', async () => {
  const running = new Set<Cancel>()
  const call = () => {
    const cancel = () => void running.delete(cancel)
    running.add(cancel)
    return cancel
  }
  const { answer } = Effect.runSync(Scope.provide(shutdown({ graceMs: 1 }), Scope.makeUnsafe()))
  const program = Effect.provideService(answer('A-1'), Backend, liftBackend(portOf(call)))
  const leakingAfter: number[] = []
  // A fiber yields after 2,048 operations: each of those in `answer` is the last one before that once.
  for (let operations = 1_900; operations < 2_060; operations++) {
    const late = Effect.gen(function* () {
      for (let n = 0; n < operations; n++) yield* Effect.sync(() => {})
      return yield* program
    })
    const interrupt = Effect.runCallback(late)
    interrupt()
    await nextTurn()
    await nextTurn()
    if (running.size > 0) leakingAfter.push(operations)
    running.clear()
  }
  expect(leakingAfter).toEqual([])
})

function portOf(call: () => Cancel): Port {
  return {
    findStock: call,
    findStocks: call,
    fetchReservation: call,
    fetchReservationFrom: call,
    openSession: call,
    confirmOrder: call,
    fetchPage: call,
    fetchPicture: call,
    resize: call,
    listen: () => call,
    readChunk: call,
    writeChunk: call,
    endOutput: call,
  }
}

const nextTurn = () => new Promise((resolve) => setImmediate(resolve))
