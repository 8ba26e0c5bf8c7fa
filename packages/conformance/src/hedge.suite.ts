import assert from 'node:assert/strict'
import type { HedgeInput, Reservation, Style } from '@overlap/workload'
import * as fc from 'fast-check'
import type { Subject, Suite } from './clause.ts'
import { type Happening, nameOf } from './reference.ts'
import {
  type Questioning,
  askReplica,
  firstSuccess,
  question,
  replicaClauses,
  wrongReplicas,
} from './replicas.ts'
import { commonRealClauses, reservation } from './real-clauses.ts'
import { leavesNothing, refusesInputs, standingClauses } from './standing.ts'
import { assertOutcome, withTrials } from './trial.ts'
import { walkClause } from './walk.ts'
import { slowMs, withPort } from './world.ts'

/** How far the asking has come. */
interface Progress {
  /** How many replicas have been asked. */
  readonly asked: number
  /** How long the last of them has been silent. */
  readonly silentMs: number
}

/** What happens next, and what that makes of the asking. */
function advance(
  { asked, silentMs }: Progress,
  happening: Happening,
  { replicas, sku, delayMs }: HedgeInput,
): Progress {
  const last = replicas[asked - 1]
  const isOver = asked === replicas.length || last === undefined
  const next = { asked: asked + 1, silentMs: 0 }
  if (isOver || 'act' in happening) return { asked, silentMs }
  if ('passedMs' in happening) {
    const totalMs = silentMs + happening.passedMs
    return totalMs === delayMs ? next : { asked, silentMs: totalMs }
  }
  const isLast = nameOf(happening.call) === nameOf(askReplica(last, sku))
  return isLast && 'error' in happening.outcome ? next : { asked, silentMs }
}

const subject: Subject<HedgeInput, Reservation> = {
  scenario: 'hedge',
  run: (style) => style.hedge.bind(style),
  input: (n) => ({
    replicas: n % 2 === 0 ? [2, 0, 1] : [n, n + 1],
    sku: `A-${n}`,
    delayMs: 100 + (n % 3) * 50,
  }),
  reference(input, history) {
    const { replicas, sku, delayMs } = input
    const { asked, silentMs } = history.reduce((progress, happening) => advance(progress, happening, input), {
      asked: Math.min(1, replicas.length),
      silentMs: 0,
    })
    return {
      calls: replicas.slice(0, asked).map((replica) => askReplica(replica, sku)),
      nextMs: asked < replicas.length ? delayMs - silentMs : undefined,
      outcome: firstSuccess(input, history),
    }
  },
}

const realInput = { replicas: [0, 1, 2], sku: 'A-42' }

const input = { replicas: [2, 0, 1], sku: 'A-42', delayMs: 100 }

/** A clause about one run on `input`. */
const claim = (id: string, title: string, body: (run: Questioning) => Promise<void>) => ({
  id,
  title,
  check: (style: Style) =>
    withTrials(async (start) => body(await question(start, subject.run(style), input))),
})

export const hedgeSuite: Suite = {
  scenario: 'hedge',
  clauses: [
    ...standingClauses(subject),
    ...replicaClauses(
      subject,
      (replicas) => ({ ...input, replicas }),
      async ({ pass }) => {
        await pass(100)
        await pass(100)
      },
    ),
    {
      id: 'never early',
      title: 'asks the next one after exactly `delayMs` of silence, not one ms early',
      async check(style) {
        for (const delayMs of [1, 100, 2 ** 31 - 1]) {
          await withTrials(async (start) => {
            const { asked, pass } = await question(start, subject.run(style), { ...input, delayMs })
            assert.deepEqual(asked(), [2])
            await pass(delayMs - 1)
            assert.deepEqual(asked(), [2], 'the second was asked too early')
            await pass(1)
            assert.deepEqual(asked(), [2, 0])
            await pass(delayMs - 1)
            assert.deepEqual(asked(), [2, 0], 'the third was asked too early')
            await pass(1)
            assert.deepEqual(asked(), [2, 0, 1])
          })
        }
      },
    },
    claim(
      'at once after a failure',
      'asks the next one at once when the last one has failed, and then waits `delayMs` anew',
      async ({ asked, fail, pass }) => {
        await pass(60)
        await fail(2)
        assert.deepEqual(asked(), [2, 0])
        await pass(99)
        assert.deepEqual(asked(), [2, 0], 'the third was asked too early')
        await pass(1)
        assert.deepEqual(asked(), [2, 0, 1])
      },
    ),
    claim(
      'earlier failure',
      'the failure of one that is not the last asks nobody, and leaves the wait as it is',
      async ({ asked, fail, pass }) => {
        await pass(100)
        await pass(60)
        await fail(2)
        assert.deepEqual(asked(), [2, 0], 'the third was asked too early')
        await pass(39)
        assert.deepEqual(asked(), [2, 0], 'the third was asked too early')
        await pass(1)
        assert.deepEqual(asked(), [2, 0, 1], 'the third was asked too late')
      },
    ),
    claim(
      'asks nobody twice',
      'asks no replica twice, and nobody any more once it has asked all',
      async ({ asked, fail, pass }) => {
        await pass(100)
        await fail(0)
        assert.deepEqual(asked(), [2, 0, 1])
        await pass(1_000)
        await fail(1)
        await pass(1_000)
        assert.deepEqual(asked(), [2, 0, 1])
      },
    ),
    claim(
      'no timer after the last',
      'waits for no time any more once it has asked all',
      async ({ trial, fail, pass }) => {
        assert(trial.leftovers().includes('a timer'))
        await pass(100)
        await fail(0)
        assert(!trial.leftovers().includes('a timer'), 'a timer runs, although all have been asked')
      },
    ),
    claim(
      'no timer after the win',
      'a success while the next one’s turn is still to come leaves no timer',
      async ({ trial, asked, succeed, pass }) => {
        await pass(100)
        await pass(60)
        await succeed(2)
        leavesNothing(trial)
        await pass(1_000)
        assert.deepEqual(asked(), [2, 0])
      },
    ),
    claim(
      'nobody after the win',
      'a success asks nobody any more, whatever else happens in its tick',
      async ({ trial, asked, succeed, fail, pass }) => {
        await pass(100)
        await Promise.all([succeed(2), fail(0), pass(100)])
        assert.deepEqual(asked(), [2, 0])
        assertOutcome(trial, { value: { sku: 'A-42', reserved: 4 } })
      },
    ),
    walkClause(
      subject,
      fc.record({
        replicas: fc.uniqueArray(fc.nat({ max: 99 }), { maxLength: 6 }),
        sku: fc.constant('A-42'),
        delayMs: fc.integer({ min: 1, max: 1_000 }),
      }),
    ),
    refusesInputs(subject, [
      ...wrongReplicas.map(({ replicas, message }) => ({ input: { ...input, replicas }, message })),
      ...[0, -1, 1.5, NaN, Infinity, 2 ** 31].map((delayMs) => ({
        input: { ...input, delayMs },
        message: `delayMs: expected an integer from 1 to 2147483647, got ${delayMs}`,
      })),
    ]),
  ],
  realClauses: [
    ...commonRealClauses({
      run: subject.run,
      input: { ...realInput, delayMs: 20 },
      output: reservation,
      running: { queries: 0, requests: 3 },
    }),
    {
      title:
        'after the second replica has answered, the socket to the first is closed, and the third unasked',
      check: (style, world) =>
        withPort(world, {}, async (seen) => {
          const asked = () => world.service.ledgers[2]?.requests
          const before = asked()
          const port = seen.port.forRun({ dbMs: 0, httpMs: 0, replicaMs: [slowMs, 0, 0] })
          const run = style.hedge(port, { ...realInput, delayMs: 300 }, new AbortController().signal)
          await seen.until('the first has been asked', () => seen.requests(0) === 1)
          await run
          await seen.isQuiet()
          await seen.hasNoSocket(0)
          assert.equal(asked(), before, 'the third replica has been asked')
        }),
    },
    {
      title: 'while two replicas answer 503, the third is asked without a wait',
      check: (style, world) =>
        withPort(world, {}, async ({ port }) => {
          const failing = port.forRun({ dbMs: 0, httpMs: 0, failures: 2 })
          const start = performance.now()
          const run = style.hedge(failing, { ...realInput, delayMs: slowMs }, new AbortController().signal)
          await run
          assert(performance.now() - start < slowMs, 'it has waited')
        }),
    },
  ],
}
