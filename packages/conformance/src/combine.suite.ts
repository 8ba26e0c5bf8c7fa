import assert from 'node:assert/strict'
import { type Availability, type Sku, toAvailability } from '@overlap/workload'
import type { Suite, Subject } from './clause.ts'
import { firstFailure, reservationIn, stockIn } from './reference.ts'
import { standingClauses } from './standing.ts'
import { quiet, withTrials } from './trial.ts'

const subject: Subject<Sku, Availability> = {
  scenario: 'combine',
  input: (n) => `A-${n}`,
  reference(sku, history) {
    const stock = stockIn(history)
    const reservation = reservationIn(history)
    const joined = stock && reservation && { value: toAvailability(stock, reservation) }
    return {
      calls: [
        { name: 'findStock', input: sku },
        { name: 'fetchReservation', input: sku },
      ],
      outcome: firstFailure(history) ?? joined,
    }
  },
}

export const combineSuite: Suite = {
  scenario: 'combine',
  clauses: [
    ...standingClauses(subject),
    {
      id: 'at the same time',
      title: 'runs both calls before either has answered',
      check: (style) =>
        withTrials(async (start) => {
          const { calls } = start(style.combine.bind(style), 'A-42')
          await quiet()
          assert.deepEqual(calls.map(({ name }) => name).toSorted(), ['fetchReservation', 'findStock'])
        }),
    },
  ],
}
