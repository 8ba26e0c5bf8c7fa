import assert from 'node:assert/strict'
import { type Availability, TimeoutError, type TimeoutInput, toAvailability } from '@overlap/workload'
import * as fc from 'fast-check'
import type { Subject, Suite } from './clause.ts'
import { availability, commonRealClauses } from './real-clauses.ts'
import { combineCalls, firstFailure, passedMsIn, reservationIn, stockIn } from './reference.ts'
import { refusesInputs, standingClauses } from './standing.ts'
import { assertOutcome, quiet, withTrials } from './trial.ts'
import { walkClause } from './walk.ts'
import { slowMs, withPort } from './world.ts'

const subject: Subject<TimeoutInput, Availability> = {
  scenario: 'timeout',
  run: (style) => style.timeout.bind(style),
  input: (n) => ({ sku: `A-${n}`, ms: 100 + (n % 3) * 50 }),
  reference({ sku, ms }, history) {
    const stock = stockIn(history)
    const reservation = reservationIn(history)
    const joined = stock && reservation && { value: toAvailability(stock, reservation) }
    const leftMs = ms - passedMsIn(history)
    const expired = leftMs === 0 ? { errorLike: new TimeoutError(ms) } : undefined
    return {
      calls: combineCalls(sku),
      nextMs: leftMs,
      outcome: firstFailure(history) ?? joined ?? expired,
    }
  },
}

export const timeoutSuite: Suite = {
  scenario: 'timeout',
  clauses: [
    ...standingClauses(subject),
    {
      id: 'never early',
      title: 'gives up after exactly `ms`, with a TimeoutError, and cancels both calls',
      check: (style) =>
        withTrials(async (start) => {
          const trial = start(subject.run(style), { sku: 'A-42', ms: 100 })
          await quiet()
          trial.pass(99)
          await quiet()
          assert.equal(trial.outcome, undefined, 'it has given up too early')
          trial.pass(1)
          await quiet()
          assertOutcome(trial, { errorLike: new TimeoutError(100) })
          assert.deepEqual(
            trial.calls.map(({ state }) => state),
            ['cancelled', 'cancelled'],
          )
        }),
    },
    {
      id: 'longest time',
      title: 'waits for as long as a timer can',
      check: (style) =>
        withTrials(async (start) => {
          const ms = 2 ** 31 - 1
          const trial = start(subject.run(style), { sku: 'A-42', ms })
          await quiet()
          trial.pass(ms - 1)
          await quiet()
          assert.equal(trial.outcome, undefined, 'it has given up too early')
          trial.pass(1)
          await quiet()
          assertOutcome(trial, { errorLike: new TimeoutError(ms) })
        }),
    },
    walkClause(subject, fc.record({ sku: fc.constant('A-42'), ms: fc.integer({ min: 1, max: 1_000 }) })),
    refusesInputs(
      subject,
      [0, -1, 1.5, NaN, Infinity, 2 ** 31].map((ms) => ({
        input: { sku: 'A-42', ms },
        message: `ms: expected an integer from 1 to 2147483647, got ${ms}`,
      })),
    ),
  ],
  realClauses: [
    ...commonRealClauses({
      run: subject.run,
      input: { sku: 'A-42', ms: 60_000 },
      output: availability,
      running: { queries: 1, requests: 1 },
    }),
    {
      title: 'once the time is over, nothing of it runs in Postgres or over HTTP',
      check: (style, world) =>
        withPort(world, {}, async (seen) => {
          const slow = seen.port.forRun({ dbMs: slowMs, httpMs: slowMs })
          // Both connect first, which takes longer than a short time-out.
          await style.combine(seen.port, 'A-42', new AbortController().signal)
          const run = style.timeout(slow, { sku: 'A-42', ms: 50 }, new AbortController().signal)
          await assert.rejects(run, TimeoutError)
          await seen.isQuiet()
          await seen.hasNoSocket()
        }),
    },
  ],
}
