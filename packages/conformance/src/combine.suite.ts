import assert from 'node:assert/strict'
import { type Availability, HttpError, type Sku, UnknownSkuError, toAvailability } from '@overlap/workload'
import type { Subject, Suite } from './clause.ts'
import { availability, commonRealClauses } from './real-clauses.ts'
import { combineCalls, firstFailure, reservationIn, stockIn } from './reference.ts'
import { standingClauses } from './standing.ts'
import { quiet, withTrials } from './trial.ts'
import { slowMs, withPort } from './world.ts'

const subject: Subject<Sku, Availability> = {
  scenario: 'combine',
  run: (style) => style.combine.bind(style),
  input: (n) => `A-${n}`,
  reference(sku, history) {
    const stock = stockIn(history)
    const reservation = reservationIn(history)
    const joined = stock && reservation && { value: toAvailability(stock, reservation) }
    return {
      calls: combineCalls(sku),
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
          const { calls } = start(subject.run(style), 'A-42')
          await quiet()
          assert.deepEqual(calls.map(({ name }) => name).toSorted(), ['fetchReservation', 'findStock'])
        }),
    },
  ],
  realClauses: [
    ...commonRealClauses({
      run: subject.run,
      input: 'A-42',
      output: availability,
      running: { queries: 1, requests: 1 },
    }),
    {
      title: 'after the HTTP call has failed first, the query is gone from Postgres',
      check: (style, world) =>
        withPort(world, { upstreamUrl: `${world.service.url}/no/such/path` }, async (seen) => {
          const slow = seen.port.forRun({ dbMs: slowMs, httpMs: 0 })
          const run = style.combine(slow, 'A-42', new AbortController().signal)
          await assert.rejects(run, HttpError)
          await seen.isQuiet()
        }),
    },
    {
      title: 'after the database has failed first, the socket of the request is closed',
      check: (style, world) =>
        withPort(world, {}, async (seen) => {
          const slow = seen.port.forRun({ dbMs: 0, httpMs: slowMs })
          const run = style.combine(slow, 'no such sku', new AbortController().signal)
          await assert.rejects(run, UnknownSkuError)
          await seen.isQuiet()
          await seen.hasNoSocket()
        }),
    },
  ],
}
