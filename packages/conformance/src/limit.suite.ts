import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { inspect } from 'node:util'
import {
  type Availability,
  type LimitInput,
  type Reservation,
  type Sku,
  type Stock,
  type Style,
  toAvailability,
} from '@overlap/workload'
import * as fc from 'fast-check'
import type { Subject, Suite } from './clause.ts'
import { availability, commonRealClauses } from './real-clauses.ts'
import {
  answersIn,
  combineCalls,
  failure,
  mostlySuccess,
  nameOf,
  oneSuccess,
  skusOf,
  successes,
} from './reference.ts'
import type { ScriptedCall } from './scripted-port.ts'
import { nothingRuns, refusesInputs, settledOnce, standingClauses } from './standing.ts'
import { type Trial, assertOutcome, notSettled, quiet, withTrials } from './trial.ts'
import { walkClause } from './walk.ts'
import { withPort } from './world.ts'

/** One of the products, which may be there several times: what has been answered for it. */
interface Product {
  readonly sku: Sku
  findStock?: Stock
  fetchReservation?: Reservation
}

const subject: Subject<LimitInput, readonly Availability[]> = {
  scenario: 'limit',
  run: (style) => style.limit.bind(style),
  // The first one has few orders, for the scripts. More products at a time are for the walks.
  input: (n) => ({ skus: [`A-${n}`, `B-${n}`, `C-${n}`], limit: 1 + (n % 3) }),
  answersTo: oneSuccess,
  reference({ skus, limit }, history) {
    const products = skus.map((sku): Product => ({ sku }))
    let done = 0
    const calls = () => products.slice(0, done + limit).flatMap(({ sku }) => combineCalls(sku))
    for (const { call, outcome } of answersIn(history)) {
      if ('error' in outcome) return { calls: calls(), outcome }
      // Of equal skus, the one that has started first is answered first.
      const product = products.find((one) => one.sku === call.input && !(call.name in one))
      Object.assign(product ?? assert.fail(), { [call.name]: outcome.value })
      if (product?.findStock && product.fetchReservation) done++
    }
    const value = products.flatMap(({ findStock, fetchReservation }) =>
      findStock && fetchReservation ? [toAvailability(findStock, fetchReservation)] : [],
    )
    return { calls: calls(), outcome: value.length === skus.length ? { value } : undefined }
  },
}

/** The calls of each product that is in flight, in the order in which these were started. */
function inFlight(trial: Trial<unknown>): readonly (readonly ScriptedCall[])[] {
  const running = trial.calls.filter(({ state }) => state === 'running')
  return [...Map.groupBy(running, ({ input }) => input).values()]
}

function succeed(trial: Trial<unknown>, calls: readonly ScriptedCall[]): void {
  for (const call of calls) {
    const [outcome] = successes(call)
    assert(outcome)
    trial.answer({ call, outcome })
  }
}

/**
 * Runs twelve products with each of a few limits to its end. In each turn, some of those in flight are done in
 * one tick: now one, now two, now all.
 */
async function inTurns(
  style: Style,
  check: (seen: { readonly inFlight: number; readonly unfinished: number; readonly limit: number }) => void,
): Promise<void> {
  const skus = skusOf(12)
  for (const limit of [1, 2, 3, 5, 12, 13, Number.MAX_SAFE_INTEGER]) {
    await withTrials(async (start) => {
      const trial = start(subject.run(style), { skus, limit })
      let unfinished = skus.length
      for (let turn = 1; unfinished > 0; turn++) {
        await quiet()
        const products = inFlight(trial)
        check({ inFlight: products.length, unfinished, limit })
        assert(products.length > 0, 'nothing is in flight, and it has not settled')
        const done = products.slice(0, [products.length, 1, 2][turn % 3])
        succeed(trial, done.flat())
        unfinished -= done.length
      }
      await quiet()
      assert(trial.outcome, notSettled(trial))
    })
  }
}

export const limitSuite: Suite = {
  scenario: 'limit',
  clauses: [
    ...standingClauses(subject),
    {
      id: 'at most',
      title: 'never has more than `limit` products in flight, also when several are done in one tick',
      check: (style) => inTurns(style, (seen) => assert(seen.inFlight <= seen.limit, inspect(seen))),
    },
    {
      id: 'never fewer',
      title: 'never has fewer than `limit` products in flight while some wait',
      check: (style) =>
        inTurns(style, (seen) =>
          assert(seen.inFlight >= Math.min(seen.limit, seen.unfinished), inspect(seen)),
        ),
    },
    {
      id: 'first come',
      title: 'starts in the order of `skus`, whichever is done first',
      check: (style) =>
        withTrials(async (start) => {
          const skus = skusOf(6)
          const trial = start(subject.run(style), { skus, limit: 2 })
          for (let started = 2; started <= skus.length; started++) {
            await quiet()
            assert.deepEqual(startedIn(trial), skus.slice(0, started))
            succeed(trial, inFlight(trial)[started % 2] ?? [])
          }
        }),
    },
    {
      id: 'order',
      title: 'answers in the order of `skus`, whichever is done first',
      check: (style) =>
        withTrials(async (start) => {
          const skus = skusOf(4)
          const trial = start(subject.run(style), { skus, limit: 4 })
          for (const sku of skus.toReversed()) {
            await quiet()
            succeed(
              trial,
              trial.calls.filter(({ input }) => input === sku),
            )
          }
          await quiet()
          assertOutcome(trial, {
            value: skus.map((sku) => ({ sku, onHand: 42, reserved: 2, available: 40 })),
          })
        }),
    },
    {
      id: 'equal skus',
      title: 'combines equal skus each for itself',
      check: (style) =>
        withTrials(async (start) => {
          const trial = start(subject.run(style), { skus: ['A-42', 'A-42', 'A-42'], limit: 2 })
          for (const onHand of [1, 2, 3]) {
            await quiet()
            const [stock, reservation] = trial.calls.filter(({ state }) => state === 'running')
            assert(stock && reservation, 'it does not run')
            assert.equal(stock.name, 'findStock')
            trial.answer({ call: stock, outcome: { value: { sku: 'A-42', onHand } } })
            trial.answer({ call: reservation, outcome: { value: { sku: 'A-42', reserved: 0 } } })
          }
          await quiet()
          assertOutcome(trial, {
            value: [1, 2, 3].map((onHand) => ({ sku: 'A-42', onHand, reserved: 0, available: onHand })),
          })
        }),
    },
    {
      id: 'error starts nothing',
      title:
        'the first error cancels the rest and starts nothing more, also when another is done in its tick',
      check: (style) =>
        withTrials(async (start) => {
          const trial = start(subject.run(style), { skus: skusOf(6), limit: 3 })
          await quiet()
          const [first, second, third] = inFlight(trial)
          assert(first && second?.[0] && third)
          succeed(trial, first)
          await quiet()
          const [fails] = second
          const outcome = failure(fails)
          trial.answer({ call: fails, outcome })
          succeed(trial, third)
          await quiet()
          assertOutcome(trial, outcome)
          assert.deepEqual(startedIn(trial), skusOf(4), 'it has started more')
          nothingRuns(trial)
          settledOnce(trial)
        }),
    },
    {
      id: 'abort starts nothing',
      title: 'an abort in the tick in which a product is done starts nothing more',
      check: (style) =>
        withTrials(async (start) => {
          const reason = new Error('the reader has left')
          const trial = start(subject.run(style), { skus: skusOf(6), limit: 2 })
          await quiet()
          trial.abort(reason)
          succeed(trial, inFlight(trial).flat())
          await quiet()
          assertOutcome(trial, { error: reason })
          assert.deepEqual(startedIn(trial), skusOf(2), 'it has started more')
          settledOnce(trial)
        }),
    },
    {
      id: 'no sku',
      title: 'of no sku, answers [] without a call, unless the signal has aborted',
      async check(style) {
        const nothing = { skus: [], limit: 1 }
        const reason = new Error('too late')
        await withTrials(async (start) => {
          const trial = start(subject.run(style), nothing)
          const aborted = start(subject.run(style), nothing, { aborted: { reason } })
          const abortedAtOnce = start(subject.run(style), nothing)
          abortedAtOnce.abort(reason)
          await quiet()
          assertOutcome(trial, { value: [] })
          assertOutcome(aborted, { error: reason })
          for (const one of [trial, aborted, abortedAtOnce]) {
            assert.deepEqual(one.calls.map(nameOf), [])
            settledOnce(one)
          }
        })
      },
    },
    walkClause(
      {
        ...subject,
        answersTo: mostlySuccess,
      },
      fc.record({
        skus: fc.array(fc.constantFrom('A', 'B', 'C', 'D', 'E', 'F', 'G', 'H'), { maxLength: 6 }),
        limit: fc.integer({ min: 1, max: 8 }),
      }),
    ),
    refusesInputs(
      subject,
      [0, -1, 1.5, NaN, Infinity, 2 ** 53].map((limit) => ({
        input: { skus: skusOf(3), limit },
        message: `limit: expected an integer of at least 1, got ${limit}`,
      })),
    ),
  ],
  realClauses: [
    ...commonRealClauses({
      run: subject.run,
      input: { skus: ['A-42', 'A-42'], limit: 2 },
      output: [availability, availability],
      running: { queries: 2, requests: 2 },
    }),
    {
      title:
        'of twelve products with a limit of three, Postgres runs three queries at a time, and never more',
      check: (style, world) =>
        withPort(world, { poolMax: 8 }, async (seen) => {
          const run = style.limit(
            seen.port.forRun({ dbMs: 100, httpMs: 0 }),
            { skus: twelve, limit: 3 },
            new AbortController().signal,
          )
          const over = run.then(() => true)
          const counts: number[] = []
          do counts.push(await seen.queries())
          while (!(await Promise.race([over, sleep(1, false)])))
          assert.equal(Math.max(...counts), 3)
        }),
    },
    {
      title: 'after an abort in the middle, nothing of it runs, and nothing more is asked',
      check: (style, world) =>
        withPort(world, { poolMax: 8 }, async (seen) => {
          const controller = new AbortController()
          const reason = new Error('the reader has left')
          const { ledger } = world.service
          const before = ledger.requests
          const run = style.limit(
            seen.port.forRun({ dbMs: 30, httpMs: 30 }),
            { skus: twelve, limit: 3 },
            controller.signal,
          )
          await seen.until('the fifth product is in flight', () => ledger.requests - before >= 5)
          const asked = ledger.requests
          controller.abort(reason)
          await assert.rejects(run, (error) => error === reason)
          // Not that no socket is open: those that have been answered are kept for the next request.
          await seen.isQuiet()
          await sleep(60)
          // Each place may have sent a request that had not come in yet.
          assert(ledger.requests <= asked + 3, `${ledger.requests - asked} requests came after the abort`)
        }),
    },
  ],
}

/** Of each, the real database has as many units as its number says. */
const twelve = skusOf(13).slice(1)

/** The products whose calls have been made, in the order in which they were. */
const startedIn = (trial: Trial<unknown>): readonly unknown[] => [
  ...new Set(trial.calls.map(({ input }) => input)),
]
