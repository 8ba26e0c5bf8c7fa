import assert from 'node:assert/strict'
import { type Availability, type Sku, noReservation, toAvailability } from '@overlap/workload'
import type { Subject, Suite } from './clause.ts'
import { availability, commonRealClauses } from './real-clauses.ts'
import { firstFailure, reservationIn, stockIn } from './reference.ts'
import { standingClauses } from './standing.ts'
import { assertOutcome, quiet, withTrials } from './trial.ts'
import { slowMs, withPort } from './world.ts'

const subject: Subject<Sku, Availability> = {
  scenario: 'sequence',
  run: (style) => style.sequence.bind(style),
  input: (n) => `A-${n}`,
  reference(sku, history) {
    const stock = stockIn(history)
    const isOutOfStock = stock?.onHand === 0
    const reservation = isOutOfStock ? noReservation(sku) : reservationIn(history)
    const joined = stock && reservation && { value: toAvailability(stock, reservation) }
    return {
      calls: [
        { name: 'findStock', input: sku },
        ...(stock && !isOutOfStock ? [{ name: 'fetchReservation', input: sku } as const] : []),
      ],
      outcome: firstFailure(history) ?? joined,
    }
  },
}

export const sequenceSuite: Suite = {
  scenario: 'sequence',
  clauses: [
    ...standingClauses(subject),
    {
      id: 'one after the other',
      title: 'starts the HTTP call only after the database has answered',
      check: (style) =>
        withTrials(async (start) => {
          const trial = start(subject.run(style), 'A-42')
          await quiet()
          assert.deepEqual(
            trial.calls.map(({ name }) => name),
            ['findStock'],
          )
          const [call] = trial.calls
          assert(call)
          trial.answer({ call, outcome: { value: { sku: 'A-42', onHand: 42 } } })
          await quiet()
          assert.deepEqual(
            trial.calls.map(({ name }) => name),
            ['findStock', 'fetchReservation'],
          )
        }),
    },
    {
      id: 'out of stock',
      title: 'of a product that is out of stock, makes no HTTP call and answers 0 reserved',
      check: (style) =>
        withTrials(async (start) => {
          const trial = start(subject.run(style), 'B-0')
          await quiet()
          const [call] = trial.calls
          assert(call)
          trial.answer({ call, outcome: { value: { sku: 'B-0', onHand: 0 } } })
          await quiet()
          assert.equal(trial.calls.length, 1)
          assertOutcome(trial, { value: { sku: 'B-0', onHand: 0, reserved: 0, available: 0 } })
        }),
    },
  ],
  realClauses: [
    ...commonRealClauses({
      run: subject.run,
      input: 'A-42',
      output: availability,
      running: { queries: 1, requests: 0 },
    }),
    {
      title: 'after an abort while the request runs, its socket is closed',
      check: (style, world) =>
        withPort(world, {}, async (seen) => {
          const controller = new AbortController()
          const reason = new Error('the reader has left')
          const slow = seen.port.forRun({ dbMs: 0, httpMs: slowMs })
          const run = style.sequence(slow, 'A-42', controller.signal)
          await seen.until('the request runs', () => seen.requests() === 1)
          controller.abort(reason)
          await assert.rejects(run, (error) => error === reason)
          await seen.isQuiet()
          await seen.hasNoSocket()
        }),
    },
  ],
}
