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
import type { Observe } from '@overlap/backend'
import * as fc from 'fast-check'
import type { Subject, Suite } from './clause.ts'
import { type AnswersTo, type Happening, answersIn, everyAnswer, failure, successes } from './reference.ts'
import type { CallName, MadeCall } from './scripted-port.ts'
import { endsClean, refusesInputs, standingClauses } from './standing.ts'
import { type Trial, assertOutcome, quiet, withTrials } from './trial.ts'
import { walkClause } from './walk.ts'
import { slowMs, withPort } from './world.ts'

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
  endsClean(trial)
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
  realClauses: [
    {
      title: 'takes the units and has them confirmed: the row and the service say the same',
      check: (style, world) =>
        withPort(world, {}, (seen) =>
          seen.withProduct(10, async ({ sku, books }) => {
            const { signal } = new AbortController()
            const receipt = await style.transaction(seen.port, { sku, units: 3 }, signal)
            assert.deepEqual(receipt, { order: receipt.order, sku, units: 3, onHand: 7 })
            assert.deepEqual(await books(), { inStock: 7, confirmed: 3 })
          }),
        ),
    },
    {
      title: 'takes and confirms nothing when there are too few',
      check: (style, world) =>
        withPort(world, {}, (seen) =>
          seen.withProduct(2, async ({ sku, books }) => {
            const { signal } = new AbortController()
            await assert.rejects(style.transaction(seen.port, { sku, units: 3 }, signal), OutOfStockError)
            assert.deepEqual(await books(), { inStock: 2, confirmed: 0 })
          }),
        ),
    },
    {
      title: 'after an abort while it opens, takes, confirms or commits, the books balance and nothing runs',
      check: (style, world) =>
        withPort(world, {}, (seen) =>
          seen.withProduct(10, async ({ sku, books }) => {
            for (const name of order) {
              const controller = new AbortController()
              const reason = new Error('the reader has left')
              const abort = () => controller.abort(reason)
              // In the next turn, when it is on its way: an answer takes longer.
              const observe: Observe = (call, event) => {
                if (call === name && event === 'sent') setImmediate(abort)
              }
              const port = seen.port.forRun({ dbMs: 20, httpMs: 20, observe })
              const run = style.transaction(port, { sku, units: 3 }, controller.signal)
              await assert.rejects(run, (error) => error === reason)
              await seen.isQuiet()
              const { inStock, confirmed } = await books()
              assert.equal(inStock + confirmed, 10)
              if (name !== 'commit') assert.equal(confirmed, 0)
            }
          }),
        ),
    },
    {
      title: 'an abort while it waits for a connection leaves the queue at once',
      check: (style, world) =>
        withPort(world, { poolMax: 1 }, (seen) =>
          seen.withProduct(10, async ({ sku, books }) => {
            const [holder, waiter] = [new AbortController(), new AbortController()]
            const reason = new Error('the reader has left')
            const slow = seen.port.forRun({ dbMs: slowMs, httpMs: 0 })
            const holding = style.combine(slow, 'A-42', holder.signal)
            await seen.until('the only connection is lent', async () => (await seen.queries()) === 1)
            const waiting = style.transaction(seen.port, { sku, units: 3 }, waiter.signal)
            await seen.until('somebody waits', () => seen.port.stats().database.waiting === 1)
            waiter.abort(reason)
            assert.equal(seen.port.stats().database.waiting, 0, 'it still waits')
            await assert.rejects(waiting, (error) => error === reason)
            holder.abort(reason)
            await assert.rejects(holding, (error) => error === reason)
            assert.deepEqual(await books(), { inStock: 10, confirmed: 0 })
          }),
        ),
    },
    {
      title: '500 concurrent orders for the last 100 units, over 20 connections, sell exactly 100',
      check: (style, world) =>
        withPort(world, { poolMax: 20 }, (seen) =>
          seen.withProduct(100, async ({ sku, books }) => {
            const { signal } = new AbortController()
            const orders = await Promise.allSettled(
              Array.from({ length: 500 }, () => style.transaction(seen.port, { sku, units: 1 }, signal)),
            )
            const refused = orders.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []))
            assert(
              refused.every((error) => error instanceof OutOfStockError),
              String(refused[0]),
            )
            assert.equal(refused.length, 400)
            assert.deepEqual(await books(), { inStock: 0, confirmed: 100 })
          }),
        ),
    },
    {
      title: 'the same with failing confirmations and aborts: the books balance, and no unit is sold twice',
      check: (style, world) =>
        withPort(world, { poolMax: 20 }, (seen) =>
          seen.withProduct(100, async ({ sku, books }) => {
            const orders = Array.from({ length: 500 }, (_, n) => {
              const controller = new AbortController()
              const abort = () => controller.abort(new Error('the reader has left'))
              if (n % 3 === 0) setTimeout(abort, Math.random() * 300)
              const port = seen.port.forRun({ dbMs: n % 3, httpMs: n % 4, failures: n % 7 === 0 ? 1 : 0 })
              return style.transaction(port, { sku, units: 1 + (n % 2) }, controller.signal)
            })
            let sold = 0
            for (const one of await Promise.allSettled(orders)) {
              if (one.status === 'fulfilled') sold += one.value.units
            }
            const { inStock, confirmed } = await books()
            assert.equal(inStock + confirmed, 100, 'the books do not balance')
            // A commit may have come to pass although the caller has left.
            assert(sold > 0 && sold <= confirmed, `${sold} were sold, and ${confirmed} confirmed`)
          }),
        ),
    },
  ],
}
