import type { Done, RegulateInput, Regulated } from '@overlap/workload'
import {
  OverloadedError,
  PerKey,
  WaitingLine,
  checkRegulate,
  checkRegulated,
  toPromise,
} from '@overlap/workload'

/** A gate that any work can be led through. */
export interface Regulator {
  /** Settles as the work does, or rejects with an `OverloadedError` when too many wait already. */
  readonly through: <A>(
    request: Regulated,
    work: (signal: AbortSignal) => Promise<A>,
    signal: AbortSignal,
  ) => Promise<A>
  /** How many keys are known: of the others nothing runs, waits, or holds back the next one. */
  readonly keys: () => number
}

/** All of one key. */
interface Lane {
  readonly key: string
  /** Resolves the turns of those who wait. */
  readonly line: WaitingLine<Done<void>>
  running: number
  /** Ends when the next one may start. Set only while somebody waits for it. */
  timer: NodeJS.Timeout | undefined
}

/**
 * Lets requests through by key: so many at once, so many per second, the urgent first.
 *
 * Rejects with what the work rejects with, or with the reason once its signal aborts. Aborted while it waits,
 * a request leaves the line; while it runs, the signal tells its work.
 */
export function regulate(input: RegulateInput): Regulator {
  checkRegulate(input)
  const { limit, queue } = input
  const lanes = new PerKey<Lane>(
    (key) => ({ key, line: new WaitingLine(input), running: 0, timer: undefined }),
    ({ line, running }) => running === 0 && line.isIdle(performance.now()),
  )

  const through: Regulator['through'] = async (request, work, signal) => {
    checkRegulated(request)
    signal.throwIfAborted()
    const lane = lanes.get(request.key)
    await turn(lane, request, signal)
    try {
      // The turn may have come, and then the abort, in one tick.
      signal.throwIfAborted()
      return await work(signal)
    } finally {
      lane.running--
      advance(lane)
    }
  }

  /** Resolves with a place. */
  function turn(lane: Lane, { key, urgency }: Regulated, signal: AbortSignal): Promise<void> {
    return toPromise((start) => {
      const waiting = lane.line.add(start, urgency, performance.now())
      const leave = () => {
        lane.line.remove(waiting)
        advance(lane)
      }
      advance(lane)
      if (lane.line.size <= queue) return leave
      leave()
      throw new OverloadedError(key)
    }, signal)
  }

  /** Resolves the turns of those who may start now, and comes back when the next one may. */
  function advance(lane: Lane) {
    const { key, line } = lane
    const nowMs = performance.now()
    while (lane.running < limit) {
      const start = line.take(nowMs)
      if (!start) break
      lane.running++
      start(null)
    }
    clearTimeout(lane.timer)
    const isHeldBack = lane.running < limit && line.size > 0
    lane.timer = isHeldBack ? setTimeout(advance, line.restMs(nowMs), lane) : undefined
    lanes.release(key)
  }

  return { through, keys: () => lanes.size }
}
