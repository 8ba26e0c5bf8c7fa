import type { Call, Cancel, Done, RegulateInput, Regulated } from '@overlap/workload'
import { OverloadedError, PerKey, WaitingLine, checkRegulate, checkRegulated } from '@overlap/workload'

/** A gate that any call can be led through. */
export interface Regulator {
  /** Calls `done` as the work does, or with an `OverloadedError` when too many wait already. */
  readonly through: <A, E>(
    request: Regulated,
    work: Call<void, A, E>,
    done: Done<A, E | OverloadedError>,
  ) => Cancel
  /** How many keys are known: of the others nothing runs, waits, or holds back the next one. */
  readonly keys: () => number
}

/** All of one key. */
interface Lane {
  readonly key: string
  /** Starts of those who wait. */
  readonly line: WaitingLine<() => void>
  running: number
  /** Ends when the next one may start. Set only while somebody waits for it. */
  timer: NodeJS.Timeout | undefined
}

/**
 * Lets requests through by key: so many at once, so many per second, the urgent first.
 *
 * Calls `done` with what the work fails with. Cancelled while it waits, a request leaves the line; while it
 * runs, its work is cancelled. Its place is given on before `done` is called, so nobody can keep it.
 */
export function regulate(input: RegulateInput): Regulator {
  checkRegulate(input)
  const { limit, queue } = input
  const lanes = new PerKey<Lane>(
    (key) => ({ key, line: new WaitingLine(input), running: 0, timer: undefined }),
    ({ line, running }) => running === 0 && line.isIdle(performance.now()),
  )

  const through: Regulator['through'] = (request, work, done) => {
    checkRegulated(request)
    const lane = lanes.get(request.key)
    let cancelWork: Cancel = () => {}
    let isOver = false
    const waiting = lane.line.add(start, request.urgency, performance.now())
    advance(lane)
    if (lane.line.size > queue) return refuse()
    return cancel

    function start() {
      cancelWork = work(undefined, (error, value) => {
        leave()
        done(error, value)
      })
    }
    function refuse(): Cancel {
      leave()
      // Not at once: the caller does not hold the `Cancel` yet.
      const immediate = setImmediate(done, new OverloadedError(request.key))
      return () => clearImmediate(immediate)
    }
    function cancel() {
      cancelWork()
      leave()
    }
    function leave() {
      if (isOver) return
      isOver = true
      if (!lane.line.remove(waiting)) lane.running--
      advance(lane)
    }
  }

  /** Starts whoever may start now, and comes back when the next one may. */
  function advance(lane: Lane) {
    const { key, line } = lane
    const nowMs = performance.now()
    while (lane.running < limit) {
      const start = line.take(nowMs)
      if (!start) break
      lane.running++
      start()
    }
    clearTimeout(lane.timer)
    const isHeldBack = lane.running < limit && line.size > 0
    lane.timer = isHeldBack ? setTimeout(advance, line.restMs(nowMs), lane) : undefined
    lanes.release(key)
  }

  return { through, keys: () => lanes.size }
}
