import assert from 'node:assert/strict'
import { type Availability, type Sku, noReservation, toAvailability } from '@overlap/workload'
import type { Suite, Subject } from './clause.ts'
import { firstFailure, reservationIn, stockIn } from './reference.ts'
import { standingClauses } from './standing.ts'
import { assertOutcome, quiet, withTrials } from './trial.ts'

const subject: Subject<Sku, Availability> = {
  scenario: 'sequence',
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
          const trial = start(style.sequence.bind(style), 'A-42')
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
          const trial = start(style.sequence.bind(style), 'B-0')
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
}
