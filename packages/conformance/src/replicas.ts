/** What `race` and `hedge` have in common: many are asked the same, and the first success is the answer. */
import assert from 'node:assert/strict'
import {
  type RaceInput,
  type Replica,
  type Reservation,
  type Sku,
  type Style,
  allFailed,
} from '@overlap/workload'
import type { Clause, Subject } from './clause.ts'
import { type Happening, answersIn, failure, nameOf, successes } from './reference.ts'
import type { MadeCall, Outcome } from './scripted-port.ts'
import { endsClean, runsExactly } from './standing.ts'
import {
  type Run,
  type StartTrial,
  type Trial,
  assertOutcome,
  notSettled,
  quiet,
  withTrials,
} from './trial.ts'

export const askReplica = (replica: Replica, sku: Sku): MadeCall => ({
  name: 'fetchReservationFrom',
  input: { replica, sku },
})

/** How the run ends by what the replicas have answered: with the first success, or when all have failed. */
export function firstSuccess(
  { replicas, sku }: RaceInput,
  history: readonly Happening[],
): Outcome<Reservation> | { readonly errorLike: Error } | undefined {
  const errors = new Map<string, Error>()
  for (const { call, outcome } of answersIn(history)) {
    // A cast, because a history holds the answers of every call.
    if ('value' in outcome) return outcome as { readonly value: Reservation }
    errors.set(nameOf(call), outcome.error)
  }
  const inOrder = replicas.map((replica) => errors.get(nameOf(askReplica(replica, sku))))
  const failed = inOrder.filter((error) => error !== undefined)
  return failed.length === replicas.length ? { errorLike: allFailed(failed) } : undefined
}

/** A run whose replicas the test answers by hand. */
export interface Questioning {
  readonly trial: Trial<Reservation>
  /** The replicas that have been asked, in the order in which they were. */
  readonly asked: () => readonly Replica[]
  readonly succeed: (replica: Replica) => Promise<void>
  readonly fail: (replica: Replica) => Promise<Error>
  readonly pass: (ms: number) => Promise<void>
}

/** Starts a run, and lets it ask whom it asks at once. */
export async function question<I extends RaceInput>(
  start: StartTrial,
  run: Run<I, Reservation>,
  input: I,
): Promise<Questioning> {
  const trial = start(run, input)
  const callTo = (replica: Replica) => askReplica(replica, input.sku)
  await quiet()
  return {
    trial,
    asked: () => trial.calls.map((call) => (call.input as { readonly replica: Replica }).replica),
    async succeed(replica) {
      const [outcome] = successes(callTo(replica))
      assert(outcome)
      trial.answer({ call: callTo(replica), outcome })
      await quiet()
    },
    async fail(replica) {
      const outcome = failure(callTo(replica))
      trial.answer({ call: callTo(replica), outcome })
      await quiet()
      return outcome.error
    },
    async pass(ms) {
      trial.pass(ms)
      await quiet()
    },
  }
}

/**
 * The clauses that hold in both. `askAll` brings a run to where all of its replicas have been asked and
 * none has answered.
 */
export function replicaClauses<I extends RaceInput>(
  subject: Subject<I, Reservation>,
  inputOf: (replicas: readonly Replica[]) => I,
  askAll: (run: Questioning) => Promise<void>,
): readonly Clause[] {
  /** Not in the order of their numbers: neither is the order in which they answer. */
  const replicas = [2, 0, 1]

  const asking = (style: Style, body: (run: Questioning) => Promise<void>) =>
    withTrials(async (start) => {
      const run = await question(start, subject.run(style), inputOf(replicas))
      await askAll(run)
      assert.deepEqual(new Set(run.asked()), new Set(replicas), 'other replicas were asked')
      await body(run)
    })

  return [
    {
      id: 'a failure settles nothing',
      title: 'a replica that fails settles nothing while another may answer',
      check: (style) =>
        asking(style, async ({ trial, fail, succeed }) => {
          await fail(2)
          await fail(1)
          assert.equal(trial.outcome, undefined, 'it has settled, although replica 0 has not answered')
          await succeed(0)
          assertOutcome(trial, { value: { sku: 'A-42', reserved: 2 } })
        }),
    },
    {
      id: 'losers',
      title: 'the first success is the answer, and cancels the calls to the other replicas',
      check: (style) =>
        asking(style, async ({ trial, succeed }) => {
          await succeed(1)
          assertOutcome(trial, { value: { sku: 'A-42', reserved: 3 } })
          const states = Object.fromEntries(trial.calls.map((call) => [nameOf(call), call.state]))
          assert.deepEqual(states, {
            [nameOf(askReplica(2, 'A-42'))]: 'cancelled',
            [nameOf(askReplica(0, 'A-42'))]: 'cancelled',
            [nameOf(askReplica(1, 'A-42'))]: 'answered',
          })
        }),
    },
    {
      id: 'all have failed',
      title:
        'when all have failed, fails with an AggregateError of their errors in the order of the replicas',
      check: (style) =>
        asking(style, async ({ trial, fail }) => {
          const [first, second, third] = [await fail(1), await fail(2), await fail(0)]
          assertOutcome(trial, { errorLike: allFailed([second, third, first]) })
        }),
    },
    {
      id: 'no replica',
      title: 'of no replica, asks nobody and fails with an AggregateError of no errors',
      check: (style) =>
        withTrials(async (start) => {
          const trial = start(subject.run(style), inputOf([]))
          await quiet()
          assertOutcome(trial, { errorLike: allFailed([]) })
          runsExactly(trial, [])
          // It has decided by itself what to fail with, but an abort may come before it says so.
          const aborted = start(subject.run(style), inputOf([]))
          aborted.abort(new Error('the reader has left'))
          await quiet()
          endsClean(trial)
          endsClean(aborted)
        }),
    },
    {
      id: 'asks nobody twice after a throw',
      title: 'a replica whose call throws is not asked again',
      check: (style) =>
        withTrials(async (start) => {
          let asked = 0
          const throws = {
            get fetchReservationFrom() {
              asked++
              return new Error('no socket left')
            },
          }
          const trial = start(subject.run(style), inputOf(replicas), { throws })
          await quiet()
          assert(trial.outcome, notSettled(trial))
          assert(asked <= replicas.length, `${asked} calls were made to ${replicas.length} replicas`)
        }),
    },
  ]
}

/** Inputs of `replicas` that mean nothing, and what the `RangeError` says of them. */
export const wrongReplicas: readonly { readonly replicas: readonly Replica[]; readonly message: string }[] = [
  ...[-1, 1.5, NaN, Infinity, 2 ** 53].map((replica) => ({
    replicas: [0, replica],
    message: `replicas: expected an integer of at least 0, got ${replica}`,
  })),
  { replicas: [1, 2, 1], message: 'replicas: expected no two the same, got 1, 2, 1' },
]
