import type { Cancel, RegulateInput, Regulated } from '@overlap/workload'
import { OverloadedError, PerKey, WaitingLine, checkRegulate, checkRegulated } from '@overlap/workload'
import { type Latch, type Operation, latch, run, sleep } from './operation.ts'

/** A gate that any operation can be led through. */
export interface Regulator {
  /** Ends as the operation does, or throws an `OverloadedError` when too many wait already. */
  readonly through: <A>(request: Regulated, operation: Operation<A>) => Operation<A>
  /** How many keys are known: of the others nothing runs, waits, or holds back the next one. */
  readonly keys: () => number
}

/** All of one key. */
interface Lane {
  readonly key: string
  /** Turns of those who wait. */
  readonly line: WaitingLine<Latch>
  running: number
  /** Cancels the sleep until the next one may start. Set only while somebody waits for it. */
  wake: Cancel | undefined
}

/**
 * Lets requests through by key: so many at once, so many per second, the urgent first.
 *
 * Throws what the operation throws. Cancelled while it waits, a request leaves the line; while it runs, its
 * operation is cancelled. Either way the next one goes on in a microtask.
 */
export function regulate(input: RegulateInput): Regulator {
  checkRegulate(input)
  const { limit, queue } = input
  const lanes = new PerKey<Lane>(
    (key) => ({ key, line: new WaitingLine(input), running: 0, wake: undefined }),
    ({ line, running }) => running === 0 && line.isIdle(performance.now()),
  )

  function* through<A>(request: Regulated, operation: Operation<A>): Operation<A> {
    checkRegulated(request)
    const { key, urgency } = request
    const lane = lanes.get(key)
    const turn = latch()
    const waiting = lane.line.add(turn, urgency, performance.now())
    try {
      advance(lane)
      if (lane.line.size > queue) throw new OverloadedError(key)
      yield* turn.wait()
      return yield* operation
    } finally {
      if (!lane.line.remove(waiting)) lane.running--
      advance(lane)
    }
  }

  /** Opens the latches of those who may start now, and comes back when the next one may. */
  function advance(lane: Lane) {
    const { key, line } = lane
    const nowMs = performance.now()
    while (lane.running < limit) {
      const turn = line.take(nowMs)
      if (!turn) break
      lane.running++
      turn.open()
    }
    lane.wake?.()
    const isHeldBack = lane.running < limit && line.size > 0
    lane.wake = isHeldBack ? run(sleep(line.restMs(nowMs)), () => advance(lane)) : undefined
    lanes.release(key)
  }

  return { through, keys: () => lanes.size }
}
