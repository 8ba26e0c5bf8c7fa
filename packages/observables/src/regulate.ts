import type { RegulateInput, Regulated } from '@overlap/workload'
import { OverloadedError, PerKey, WaitingLine, checkRegulate, checkRegulated } from '@overlap/workload'
import {
  AsyncSubject,
  type MonoTypeOperatorFunction,
  type Subscription,
  asapScheduler,
  concatMap,
  defer,
  finalize,
  observeOn,
  throwError,
  timer,
} from 'rxjs'

/** A gate that any observable can be led through. */
export interface Regulator {
  /** Mirrors the source, or errors with an `OverloadedError` when too many wait already. */
  readonly through: <A>(request: Regulated) => MonoTypeOperatorFunction<A>
  /** How many keys are known: of the others nothing runs, waits, or holds back the next one. */
  readonly keys: () => number
}

/** All of one key. */
interface Lane {
  readonly key: string
  /** Turns of those who wait. */
  readonly line: WaitingLine<AsyncSubject<void>>
  running: number
  /** Emits when the next one may start. Subscribed to only while somebody waits for it. */
  rest: Subscription | undefined
}

/**
 * Lets requests through by key: so many at once, so many per second, the urgent first.
 *
 * Each subscription is a request. Errors with what the source errors with. Unsubscribed from while it waits, a
 * request leaves the line; while it runs, `concatMap` unsubscribes from its source.
 */
export function regulate(input: RegulateInput): Regulator {
  checkRegulate(input)
  const { limit, queue } = input
  const lanes = new PerKey<Lane>(
    (key) => ({ key, line: new WaitingLine(input), running: 0, rest: undefined }),
    ({ line, running }) => running === 0 && line.isIdle(performance.now()),
  )

  function through<A>(request: Regulated): MonoTypeOperatorFunction<A> {
    checkRegulated(request)
    const { key, urgency } = request
    return (source) =>
      defer(() => {
        const lane = lanes.get(key)
        const turn = new AsyncSubject<void>()
        const waiting = lane.line.add(turn, urgency, performance.now())
        const leave = () => {
          if (!lane.line.remove(waiting)) lane.running--
          advance(lane)
        }
        advance(lane)
        if (lane.line.size > queue) {
          // At once: whoever is refused must neither keep others out of the line nor be taken from it.
          leave()
          return throwError(() => new OverloadedError(key))
        }
        return turn.pipe(
          // Not at once: sources that end at once would start each other, one inside the other, and on
          // unsubscribe `finalize` comes before the end of what `concatMap` has subscribed to.
          observeOn(asapScheduler),
          concatMap(() => source),
          finalize(leave),
        )
      })
  }

  /** Tells those who may start now, and comes back when the next one may. */
  function advance(lane: Lane) {
    const { key, line } = lane
    const nowMs = performance.now()
    while (lane.running < limit) {
      const turn = line.take(nowMs)
      if (!turn) break
      lane.running++
      turn.next()
      turn.complete()
    }
    lane.rest?.unsubscribe()
    const isHeldBack = lane.running < limit && line.size > 0
    lane.rest = isHeldBack ? timer(line.restMs(nowMs)).subscribe(() => advance(lane)) : undefined
    lanes.release(key)
  }

  return { through, keys: () => lanes.size }
}
