import type { RegulateInput, Regulated, Waiting } from '@overlap/workload'
import { OverloadedError, PerKey, WaitingLine, checkRegulate, checkRegulated } from '@overlap/workload'
import { Clock, Effect, type Fiber, Latch } from 'effect'

/** A gate that any effect can be led through. */
export interface Regulator {
  /** Ends as the effect does, or fails with an `OverloadedError` when too many wait already. */
  readonly through: (
    request: Regulated,
  ) => <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | OverloadedError, R>
  /** How many keys are known: of the others nothing runs, waits, or holds back the next one. */
  readonly keys: Effect.Effect<number>
}

/** All of one key. */
interface Lane {
  readonly key: string
  /** Turns of those who wait. */
  readonly line: WaitingLine<Latch.Latch>
  running: number
  /** Sleeps until the next one may start. There only while somebody waits for it. */
  sleeper: Fiber.Fiber<void> | undefined
}

/** What a request has from its arrival to its end. */
interface Place {
  readonly lane: Lane
  readonly turn: Latch.Latch
  readonly waiting: Waiting<Latch.Latch>
}

/**
 * Lets requests through by key: so many at once, so many per second, the urgent first.
 *
 * Fails with what the effect fails with. Interrupted while it waits, a request leaves the line; while it runs,
 * its effect is interrupted. To release the place is uninterruptible, however the effect has ended.
 */
export const regulate = Effect.fnUntraced(function* (input: RegulateInput): Effect.fn.Return<Regulator> {
  checkRegulate(input)
  const { limit, queue } = input
  const clock = yield* Clock.Clock
  const nowMs = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
  const fork = Effect.runForkWith(yield* Effect.context())
  const lanes = new PerKey<Lane>(
    (key) => ({ key, line: new WaitingLine(input), running: 0, sleeper: undefined }),
    ({ line, running }) => running === 0 && line.isIdle(nowMs()),
  )

  const enter = (request: Regulated): Effect.Effect<Place, OverloadedError> =>
    Effect.suspend(() => {
      checkRegulated(request)
      const lane = lanes.get(request.key)
      const turn = Latch.makeUnsafe()
      const waiting = lane.line.add(turn, request.urgency, nowMs())
      advance(lane)
      const place = { lane, turn, waiting }
      if (lane.line.size <= queue) return Effect.succeed(place)
      return Effect.andThen(leave(place), Effect.fail(new OverloadedError(request.key)))
    })

  const leave = ({ lane, waiting }: Place) =>
    Effect.sync(() => {
      if (!lane.line.remove(waiting)) lane.running--
      advance(lane)
    })

  /** Opens the latches of those who may start now, and comes back when the next one may. */
  function advance(lane: Lane) {
    const { key, line } = lane
    const now = nowMs()
    while (lane.running < limit) {
      const turn = line.take(now)
      if (!turn) break
      lane.running++
      // Not `openUnsafe`: effects that end at once would start each other, one inside the other.
      fork(turn.open)
    }
    lane.sleeper?.interruptUnsafe()
    const isHeldBack = lane.running < limit && line.size > 0
    lane.sleeper = isHeldBack
      ? fork(Effect.sleep(line.restMs(now)).pipe(Effect.map(() => advance(lane))))
      : undefined
    lanes.release(key)
  }

  return {
    through: (request) => (effect) =>
      Effect.acquireUseRelease(enter(request), ({ turn }) => turn.whenOpen(effect), leave),
    keys: Effect.sync(() => lanes.size),
  }
})
