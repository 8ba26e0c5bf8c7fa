import type { HedgeInput, HttpError, Reservation } from '@overlap/workload'
import { checkHedge } from '@overlap/workload'
import { Effect, Latch } from 'effect'
import { Backend } from './backend.ts'
import { firstSuccess } from './first-success.ts'

/**
 * Asks one replica, and the next one when the last has been silent for `delayMs` or has failed.
 *
 * Succeeds with the first success, after the other fibers have been interrupted. Once all have failed,
 * fails with an `AggregateError` of their errors in the order of the replicas: of no replica, at once. One
 * that fails after the next has been asked starts nothing.
 *
 * Source: hedged requests in Dean and Barroso, The Tail at Scale (https://doi.org/10.1145/2408776.2408794)
 */
export const hedge = Effect.fnUntraced(function* (
  input: HedgeInput,
): Effect.fn.Return<Reservation, AggregateError, Backend> {
  checkHedge(input)
  const { replicas, sku, delayMs } = input
  const backend = yield* Backend
  const answers: Effect.Effect<Reservation, HttpError>[] = []
  // Ends when the next replica may be asked. Cached, because every turn waits for those before it.
  let turn: Effect.Effect<unknown> = Effect.void
  for (const replica of replicas) {
    const failed = Latch.makeUnsafe()
    const answer = turn.pipe(
      Effect.andThen(backend.fetchReservationFrom({ replica, sku })),
      Effect.tapError(() => failed.open),
    )
    answers.push(answer)
    const silence = failed.whenOpen(Effect.void).pipe(Effect.timeoutOption(delayMs))
    turn = yield* Effect.cached(Effect.andThen(turn, silence))
  }
  return yield* firstSuccess(answers)
})
