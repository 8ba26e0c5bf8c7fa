import assert from 'node:assert/strict'
import {
  type Confirmation,
  OutOfStockError,
  type Receipt,
  type SkuUnits,
  type Stock,
  type Style,
  toReceipt,
} from '@overlap/workload'
import * as fc from 'fast-check'
import type { Subject, Suite } from './clause.ts'
import { type AnswersTo, type Happening, answersIn, everyAnswer, failure, successes } from './reference.ts'
import type { CallName, MadeCall } from './scripted-port.ts'
import { leavesNothing, nothingRuns, refusesInputs, settledOnce, standingClauses } from './standing.ts'
import { type Trial, assertOutcome, quiet, withTrials } from './trial.ts'
import { walkClause } from './walk.ts'

/** The calls of a transaction, in their order, each once the one before has answered. */
const order = ['openSession', 'takeStock', 'confirmOrder', 'commit'] as const

/** What the scripted port names the order of a session. */
const orderId = 'order-1'

const callFor = (name: (typeof order)[number], input: SkuUnits): MadeCall => {
  if (name === 'takeStock') return { name, input }
  if (name === 'confirmOrder') return { name, input: { order: orderId, ...input } }
  return { name, input: undefined }
}

/** Of the stock, there may be too little. */
const answersTo: AnswersTo = (call) => {
  if (call.name !== 'takeStock') return everyAnswer(call)
  // A cast, because a made call may be any.
  const { sku, units } = call.input as SkuUnits
  return [...everyAnswer(call), { error: new OutOfStockError(sku, units, units - 1) }]
}

const subject: Subject<SkuUnits, Receipt> = {
  scenario: 'transaction',
  run: (style) => style.transaction.bind(style),
  input: (n) => ({ sku: `A-${n}`, units: n + 1 }),
  answersTo,
  reference(input, history) {
    const answers = answersIn(history)
    const last = answers.at(-1)
    const failed = last && 'error' in last.outcome ? last.outcome : undefined
    const valueOf = (name: CallName) =>
      answers.flatMap(({ call, outcome }) =>
        call.name === name && 'value' in outcome ? outcome.value : [],
      )[0]
    const receipt = () => toReceipt(valueOf('takeStock') as Stock, valueOf('confirmOrder') as Confirmation)
    return {
      calls: order.slice(0, answers.length + (failed ? 0 : 1)).map((name) => callFor(name, input)),
      outcome: failed ?? (answers.length === order.length ? { value: receipt() } : undefined),
    }
  },
}

const input = { sku: 'A-42', units: 2 }
const namesOf = ({ calls }: Trial<unknown>) => calls.map(({ name }) => name)

/** Has the call succeed that is the `step`th of a transaction. */
function succeedAt(step: number): Happening {
  const name = order[step]
  assert(name)
  const call = callFor(name, input)
  const [outcome] = successes(call)
  assert(outcome)
  return { call, outcome }
}

/** Starts a transaction whose first `steps` calls have succeeded. */
async function playedTo(
  steps: number,
  style: Style,
  body: (trial: Trial<Receipt>) => Promise<void>,
): Promise<void> {
  await withTrials(async (start) => {
    const trial = start(subject.run(style), input)
    await quiet()
    for (let step = 0; step < steps; step++) {
      trial.happen(succeedAt(step))
      await quiet()
    }
    await body(trial)
  })
}

/** The session has been closed, once, when nothing of it ran. */
function closedItsSession(trial: Trial<Receipt>): void {
  nothingRuns(trial)
  leavesNothing(trial)
  settledOnce(trial)
}

export const transactionSuite: Suite = {
  scenario: 'transaction',
  clauses: [
    ...standingClauses(subject),
    {
      id: 'one after the other',
      title: 'opens a session, takes, confirms and commits, each once the one before has answered',
      check: (style) =>
        playedTo(0, style, async (trial) => {
          for (const [step] of order.entries()) {
            assert.deepEqual(namesOf(trial), order.slice(0, step + 1))
            trial.happen(succeedAt(step))
            await quiet()
          }
          assert.deepEqual(
            trial.calls.map(({ input: made }) => made),
            [undefined, input, { order: orderId, ...input }, undefined],
          )
          assertOutcome(trial, { value: { order: orderId, ...input, onHand: 7 } })
        }),
    },
    {
      id: 'closes its session',
      title: 'closes its session once and after its calls: on success, on each failure and each abort',
      async check(style) {
        await playedTo(order.length, style, async (trial) => closedItsSession(trial))
        for (const [step, name] of order.entries()) {
          await playedTo(step, style, async (trial) => {
            trial.happen({ call: callFor(name, input), outcome: failure(callFor(name, input)) })
            await quiet()
            closedItsSession(trial)
          })
          await playedTo(step, style, async (trial) => {
            trial.abort(new Error('the reader has left'))
            await quiet()
            closedItsSession(trial)
          })
        }
      },
    },
    {
      id: 'abort while it opens',
      title: 'an abort while the session opens cancels the opening',
      check: (style) =>
        playedTo(0, style, async (trial) => {
          const reason = new Error('the reader has left')
          trial.abort(reason)
          assert.deepEqual(
            trial.calls.map(({ state }) => state),
            ['cancelled'],
          )
          await quiet()
          assertOutcome(trial, { error: reason })
        }),
    },
    {
      id: 'same moment',
      title: 'the answer of a call and an abort at the same moment leave no session open',
      async check(style) {
        for (const [step, name] of order.entries()) {
          for (const outcome of answersTo(callFor(name, input))) {
            // In the same tick, or within as many microtasks as a style may need to take the answer.
            for (let microtasks = 0; microtasks < 12; microtasks++) {
              await playedTo(step, style, async (trial) => {
                trial.happen({ call: callFor(name, input), outcome })
                for (let turn = 0; turn < microtasks; turn++) await Promise.resolve()
                trial.abort(new Error('the reader has left'))
                await quiet()
                closedItsSession(trial)
                const isLast = step === order.length - 1 || 'error' in outcome
                const made = namesOf(trial).slice(0, step + 1)
                assert.deepEqual(made, order.slice(0, step + 1))
                assert(isLast || (trial.outcome && 'error' in trial.outcome), 'it did not hear the abort')
              })
            }
          }
        }
      },
    },
    {
      id: 'too few',
      title: 'confirms nothing when there are too few, and fails with the OutOfStockError itself',
      check: (style) =>
        playedTo(1, style, async (trial) => {
          const error = new OutOfStockError(input.sku, input.units, 1)
          trial.happen({ call: callFor('takeStock', input), outcome: { error } })
          await quiet()
          assertOutcome(trial, { error })
          assert.deepEqual(namesOf(trial), ['openSession', 'takeStock'])
          closedItsSession(trial)
        }),
    },
    walkClause(
      subject,
      fc.record({ sku: fc.constantFrom('A-42', 'B-0', ''), units: fc.integer({ min: 1, max: 2 ** 31 - 1 }) }),
    ),
    refusesInputs(
      subject,
      [0, -1, 1.5, NaN, Infinity, 2 ** 31].map((units) => ({
        input: { sku: 'A-42', units },
        message: `units: expected an integer from 1 to 2147483647, got ${units}`,
      })),
    ),
  ],
  realClauses: [],
}
