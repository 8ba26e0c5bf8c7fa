import assert from 'node:assert/strict'
import { setImmediate as nextTurn } from 'node:timers/promises'
import {
  type Availability,
  type Cancel,
  ClosedError,
  type Port,
  type Reservation,
  type ShutdownInput,
  type Sku,
  type Stock,
  type Style,
  toAvailability,
} from '@overlap/workload'
import * as fc from 'fast-check'
import type { Subject, Suite } from './clause.ts'
import { collectGarbage } from './collect-garbage.ts'
import { availability, commonRealClauses } from './real-clauses.ts'
import {
  type Happening,
  failure,
  firstFailure,
  passedMsIn,
  reservationIn,
  stockIn,
  successes,
} from './reference.ts'
import type { MadeCall, Outcome } from './scripted-port.ts'
import { leavesNothing, runsExactly, settledOnce, standingClauses, throwsForInputs } from './standing.ts'
import { type Run, type Trial, quiet, withTrials } from './trial.ts'
import { walkClause } from './walk.ts'
import { slowMs, withPort } from './world.ts'

/** The two calls of one answer. */
const callsFor = (sku: Sku): readonly MadeCall[] => [
  { name: 'findStock', input: sku },
  { name: 'fetchReservation', input: sku },
]

/** A service that is asked once, and may be closed meanwhile. */
const subject: Subject<ShutdownInput & { readonly sku: Sku }, Availability> = {
  scenario: 'shutdown',
  run:
    (style) =>
    (port, { sku, graceMs }, signal, controls) => {
      const service = style.shutdown(port, { graceMs })
      controls.act = () => void service.close()
      return service.answer(sku, signal)
    },
  input: (n) => ({ sku: `A-${n}`, graceMs: 100 + (n % 3) * 50 }),
  reference({ sku, graceMs }, history) {
    const stock = stockIn(history)
    const reservation = reservationIn(history)
    const joined = stock && reservation && { value: toAvailability(stock, reservation) }
    const closing = history.findIndex((happening) => 'act' in happening)
    const leftMs = closing === -1 ? undefined : graceMs - passedMsIn(history.slice(closing))
    return {
      calls: callsFor(sku),
      acts: closing === -1 ? ['close'] : [],
      nextMs: leftMs,
      outcome:
        firstFailure(history) ?? joined ?? (leftMs === 0 ? { errorLike: new ClosedError() } : undefined),
    }
  },
}

/** A service that is asked many times, and closed at least once. */
interface Operation extends ShutdownInput {
  /** How many products it is asked for, one after the other: `A-0`, `A-1`, … */
  readonly count: number
}

/** What it has told, and when: ms since it was opened. */
interface Told {
  /** In the order of asking. */
  readonly answers: readonly (Outcome<Availability> & { readonly atMs: number })[]
  /** Of each `close`. */
  readonly closedAtMs: readonly number[]
}

/**
 * Operates a service: acts are `ask` (for the next product), `ask aborted` (with a signal that has aborted
 * before), `abort 0` (the first that was asked for) and `close`. It ends when the service has been asked for all, closed, and has told all. Notes what is told
 * in `log`, too, in the order of telling.
 */
const operate =
  (style: Style, log: string[] = []): Run<Operation, Told> =>
  (port, { graceMs, count }, signal, controls) => {
    const service = style.shutdown(port, { graceMs })
    const openedAtMs = Date.now()
    const { promise, resolve, reject } = Promise.withResolvers<Told>()
    const controllers: AbortController[] = []
    const answers: Told['answers'][number][] = []
    const closedAtMs: number[] = []
    let told = 0
    let closings = 0

    function ask(isAborted: boolean) {
      const n = controllers.length
      const controller = new AbortController()
      controllers.push(controller)
      if (isAborted) controller.abort(abortOf(n))
      const tell = (outcome: Outcome<Availability>) => {
        answers[n] = { ...outcome, atMs: Date.now() - openedAtMs }
        told++
        log.push(`A-${n}: ${'error' in outcome ? outcome.error.message : outcome.value.available}`)
        endIfAllIsTold()
      }
      service.answer(`A-${n}`, controller.signal).then(
        (value) => tell({ value }),
        (error: Error) => tell({ error }),
      )
    }
    function close() {
      const n = closings++
      let returned = false
      const untold = () => controllers.filter(({ signal: own }, index) => !own.aborted && !answers[index])
      const tell = () => {
        closedAtMs[n] = Date.now() - openedAtMs
        log.push(returned ? 'closed' : 'closed at once')
        if (untold().length > 0) reject(new Error('it was closed before every answer had been told'))
        endIfAllIsTold()
      }
      service.close().then(tell, reject)
      returned = true
    }
    function endIfAllIsTold() {
      const isClosed = closings > 0 && Object.keys(closedAtMs).length === closings
      if (!isClosed || told < count) return
      signal.removeEventListener('abort', abort)
      resolve({ answers, closedAtMs })
    }
    function abort() {
      for (const controller of controllers) controller.abort(signal.reason)
      reject(signal.reason as Error)
    }
    signal.addEventListener('abort', abort, { once: true })
    controls.act = (act) => {
      const [verb, n] = act.split(' ')
      if (verb === 'ask') ask(n === 'aborted')
      else if (verb === 'close') close()
      else controllers[Number(n)]?.abort(abortOf(Number(n)))
    }
    return promise
  }

const abortOf = (n: number) => new Error(`nobody waits for answer ${n} any more`)

/** One answer, as the reference model follows it. */
interface Answering {
  readonly sku: Sku
  readonly wasRefused: boolean
  stock?: Stock
  reservation?: Reservation
  readonly answered: MadeCall[]
  ending?: Outcome<Availability> & { readonly atMs: number }
}

/** What the service must have done by now. */
function follow({ graceMs }: ShutdownInput, history: readonly Happening[]) {
  const all: Answering[] = []
  const closings: number[] = []
  let nowMs = 0
  let idleAtMs = 0
  const isRunning = ({ ending }: Answering) => ending === undefined
  const overdueAtMs = () => (closings[0] ?? Infinity) + graceMs

  function end(one: Answering, outcome: Outcome<Availability>) {
    one.ending = { ...outcome, atMs: nowMs }
    if (!all.some(isRunning)) idleAtMs = nowMs
  }
  for (const happening of history) {
    if ('passedMs' in happening) {
      nowMs += happening.passedMs
      if (nowMs < overdueAtMs()) continue
      for (const one of all.filter(isRunning)) end(one, { error: new ClosedError() })
    } else if ('act' in happening) {
      const [verb, n] = happening.act.split(' ')
      if (verb === 'close') closings.push(nowMs)
      else if (verb === 'ask') {
        const one: Answering = { sku: `A-${all.length}`, wasRefused: closings.length > 0, answered: [] }
        all.push(one)
        if (one.wasRefused) one.ending = { error: new ClosedError(), atMs: nowMs }
      } else {
        const one = all[Number(n)]
        if (one) end(one, { error: abortOf(Number(n)) })
      }
    } else {
      const { call, outcome } = happening
      const one = all.find(({ sku }) => sku === call.input)
      assert(one)
      one.answered.push(call)
      if ('error' in outcome) end(one, outcome)
      // Casts, because a history holds the answers of every call.
      else if (call.name === 'findStock') one.stock = outcome.value as Stock
      else one.reservation = outcome.value as Reservation
      const { stock, reservation } = one
      if (stock && reservation) end(one, { value: toAvailability(stock, reservation) })
    }
  }
  return { all, closings, idleAtMs, isRunning, leftMs: overdueAtMs() - nowMs }
}

const operation: Subject<Operation, Told> = {
  scenario: 'shutdown',
  run: (style) => operate(style),
  input: (n) => ({ graceMs: 100 + n, count: 2 }),
  answersTo: (call) => [...successes(call).slice(0, 1), failure(call)],
  reference(input, history) {
    const { all, closings, idleAtMs, isRunning, leftMs } = follow(input, history)
    const running = all.filter(isRunning)
    const isOver = all.length === input.count && closings.length > 0 && running.length === 0
    const started = all.filter(({ wasRefused }) => !wasRefused)
    return {
      calls: started.flatMap(({ sku }) => callsFor(sku)),
      cancelled: started
        .filter(({ ending }) => ending)
        .flatMap(({ sku, answered }) =>
          callsFor(sku).filter(({ name }) => !answered.some((call) => call.name === name)),
        ),
      // In two steps, so that something can happen on the way, and one ms early.
      nextMs: running.length > 0 && leftMs !== Infinity ? Math.max(leftMs - 1, 1) : undefined,
      acts: [
        ...(all.length < input.count ? ['ask'] : []),
        ...(closings.length < 2 ? ['close'] : []),
        ...all.flatMap((one, n) => (one === running[0] ? [`abort ${n}`] : [])),
      ],
      outcome: isOver
        ? {
            value: {
              answers: all.flatMap(({ ending }) => ending ?? []),
              closedAtMs: closings.map((atMs) => Math.max(atMs, idleAtMs)),
            },
          }
        : undefined,
    }
  },
}

/** One service in a trial of its own, for the clauses below. */
async function withService(
  style: Style,
  input: Operation,
  body: (seen: {
    readonly trial: Trial<Told>
    readonly log: readonly string[]
    /** Acts, and lets happen what follows from it. */
    readonly act: (...acts: readonly string[]) => Promise<void>
    readonly pass: (ms: number) => Promise<void>
    /** Has both calls for a product succeed. */
    readonly succeed: (sku: Sku) => Promise<void>
  }) => Promise<void>,
): Promise<void> {
  await withTrials(async (start) => {
    const log: string[] = []
    const trial = start(operate(style, log), input)
    await body({
      trial,
      log,
      async act(...acts) {
        for (const act of acts) trial.happen({ act })
        await quiet()
      },
      async pass(ms) {
        trial.pass(ms)
        await quiet()
      },
      async succeed(sku) {
        const [findStock, fetchReservation] = callsFor(sku)
        assert(findStock && fetchReservation)
        trial.answer({ call: findStock, outcome: { value: { sku, onHand: 42 } } })
        trial.answer({ call: fetchReservation, outcome: { value: { sku, reserved: 2 } } })
        await quiet()
      },
    })
    leavesNothing(trial)
    settledOnce(trial)
  })
}

/** Calls of which nothing is remembered: what a scripted call holds, a test would find held. */
const answeringSoon: Pick<Port, 'findStock' | 'fetchReservation'> = {
  findStock: (sku, done) => soon(() => done(null, { sku, onHand: 42 })),
  fetchReservation: (sku, done) => soon(() => done(null, { sku, reserved: 2 })),
}

function soon(answer: () => void): Cancel {
  const immediate = setImmediate(answer)
  return () => clearImmediate(immediate)
}

const closed = new ClosedError().message

/** The id of the clause about the answers that nobody reads any more. */
export const ANSWERS_FORGOTTEN = 'answers forgotten'

export const shutdownSuite: Suite = {
  scenario: 'shutdown',
  clauses: [
    ...standingClauses(subject),
    {
      id: 'after close',
      title: 'after close, answers with a ClosedError at once and starts nothing, within the grace and later',
      async check(style) {
        await withService(style, { graceMs: 100, count: 3 }, async ({ trial, log, act, succeed }) => {
          await act('ask', 'close', 'ask')
          assert.deepEqual(log, [`A-1: ${closed}`])
          runsExactly(trial, callsFor('A-0'))
          await succeed('A-0')
          await act('ask')
          assert.deepEqual(log, [`A-1: ${closed}`, 'A-0: 40', 'closed', `A-2: ${closed}`])
          assert.equal(trial.calls.length, 2, 'calls were made after close')
        })
        await withService(style, { graceMs: 100, count: 1 }, async ({ log, act }) => {
          await act('close', 'ask aborted')
          assert.deepEqual(log.toSorted(), ['closed', `A-0: ${abortOf(0).message}`].toSorted())
        })
      },
    },
    {
      id: 'abort when refused',
      title: 'an abort in the tick in which it is refused is told the one or the other, and not both',
      check: (style) =>
        withService(style, { graceMs: 100, count: 1 }, async ({ log, act }) => {
          await act('close')
          await act('ask', 'abort 0')
          assert.equal(log.length, 2)
          assert([`A-0: ${closed}`, `A-0: ${abortOf(0).message}`].includes(log[1] ?? ''), log[1])
        }),
    },
    {
      id: 'within the grace',
      title: 'lets what runs finish within the grace',
      check: (style) =>
        withService(style, { graceMs: 100, count: 2 }, async ({ log, act, pass, succeed }) => {
          await act('ask', 'ask', 'close')
          await succeed('A-1')
          await pass(99)
          await succeed('A-0')
          assert.deepEqual(log, ['A-1: 40', 'A-0: 40', 'closed'])
        }),
    },
    {
      id: 'after the grace',
      title: 'cancels the rest after exactly `graceMs`, and answers it with a ClosedError',
      check: (style) =>
        withService(style, { graceMs: 100, count: 3 }, async ({ trial, log, act, pass, succeed }) => {
          await act('ask', 'ask', 'ask')
          await pass(1_000)
          await act('close')
          await pass(99)
          await succeed('A-1')
          assert.deepEqual(log, ['A-1: 40'], 'it has given up too early')
          runsExactly(trial, [...callsFor('A-0'), ...callsFor('A-2')])
          await pass(1)
          runsExactly(trial, [])
          assert.deepEqual(log.slice(1, 3).toSorted(), [`A-0: ${closed}`, `A-2: ${closed}`])
          assert.deepEqual(log.slice(3), ['closed'])
        }),
    },
    {
      id: 'closed when idle',
      title: 'close resolves as soon as nothing runs and every answer has been told, and not before',
      async check(style) {
        await withService(style, { graceMs: 100, count: 0 }, async ({ log, act }) => {
          await act('close')
          assert.deepEqual(log, ['closed'], 'nothing runs')
        })
        await withService(style, { graceMs: 100, count: 3 }, async ({ trial, log, act, succeed }) => {
          await act('ask', 'ask', 'ask', 'close')
          await succeed('A-1')
          const [call] = callsFor('A-0')
          assert(call)
          trial.answer({ call, outcome: { error: new Error('connection lost') } })
          await quiet()
          assert.deepEqual(log, ['A-1: 40', 'A-0: connection lost'], 'something runs')
          await succeed('A-2')
          assert.deepEqual(log.slice(2), ['A-2: 40', 'closed'], 'it was closed before an answer was told')
        })
        await withService(style, { graceMs: 100, count: 1 }, async ({ log, act }) => {
          await act('ask', 'close', 'abort 0')
          assert.deepEqual(log.toSorted(), ['closed', `A-0: ${abortOf(0).message}`].toSorted())
        })
      },
    },
    {
      id: 'closing twice',
      title: 'closing twice is closing once: the grace is neither longer nor shorter',
      async check(style) {
        await withService(style, { graceMs: 100, count: 1 }, async ({ trial, log, act, pass }) => {
          await act('ask', 'close')
          await pass(60)
          const timers = trial.leftovers().length
          await act('close')
          assert.equal(trial.leftovers().length, timers, 'each close has a timer')
          assert.deepEqual(log, [], 'the second close has cut the grace short')
          await pass(39)
          assert.deepEqual(log, [], 'the second close has cut the grace short')
          await pass(1)
          assert.deepEqual(log, [`A-0: ${closed}`, 'closed', 'closed'])
        })
        await withService(style, { graceMs: 100, count: 1 }, async ({ log, act }) => {
          await act('close')
          await act('close', 'close', 'ask')
          assert.deepEqual(log.toSorted(), [`A-0: ${closed}`, 'closed', 'closed', 'closed'])
        })
      },
    },
    {
      id: 'each for itself',
      title: 'the abort or the failure of one answer touches no other',
      check: (style) =>
        withService(style, { graceMs: 100, count: 4 }, async ({ trial, log, act, succeed }) => {
          await act('ask', 'ask', 'ask')
          const [, call] = callsFor('A-1')
          assert(call)
          trial.answer({ call, outcome: { error: new Error('bad gateway') } })
          await act('abort 0', 'ask')
          runsExactly(trial, [...callsFor('A-2'), ...callsFor('A-3')])
          await succeed('A-3')
          await act('close')
          await succeed('A-2')
          assert.deepEqual(log.slice(0, 2).toSorted(), [`A-0: ${abortOf(0).message}`, 'A-1: bad gateway'])
          assert.deepEqual(log.slice(2), ['A-3: 40', 'A-2: 40', 'closed'])
        }),
    },
    {
      id: ANSWERS_FORGOTTEN,
      title: 'holds on to no answer that it has told, for as long as it is open',
      check: (style) =>
        withTrials(async (start) => {
          const trial = start<void, number>(async (port, _, signal) => {
            const service = style.shutdown({ ...port, ...answeringSoon }, { graceMs: 100 })
            const told: WeakRef<Availability>[] = []
            for (let n = 0; n < 20; n++) told.push(new WeakRef(await service.answer(`A-${n}`, signal)))
            await quiet()
            collectGarbage()
            const held = told.filter((one) => one.deref() !== undefined)
            await service.close()
            return held.length
          }, undefined)
          for (let turns = 0; !trial.outcome && turns < 10_000; turns++) await nextTurn()
          assert(trial.outcome && 'value' in trial.outcome, 'it has failed')
          // What was on the stack may be seen as in use for some longer.
          assert(trial.outcome.value <= 2, `it holds ${trial.outcome.value} of 20 answers`)
          settledOnce(trial)
        }),
    },
    {
      id: 'no grace',
      title: 'without a grace, cancels what runs in the next turn of the timers at the latest',
      check: (style) =>
        withService(style, { graceMs: 0, count: 2 }, async ({ trial, log, act, pass }) => {
          await act('ask', 'ask', 'close')
          await pass(1)
          runsExactly(trial, [])
          assert.deepEqual(log.toSorted(), [`A-0: ${closed}`, `A-1: ${closed}`, 'closed'])
          assert.equal(log.at(-1), 'closed')
        }),
    },
    {
      id: 'longest grace',
      title: 'waits for as long as a timer can',
      check: (style) =>
        withService(style, { graceMs: 2 ** 31 - 1, count: 1 }, async ({ log, act, pass }) => {
          await act('ask', 'close')
          await pass(2 ** 31 - 2)
          assert.deepEqual(log, [], 'it has given up too early')
          await pass(1)
          assert.deepEqual(log, [`A-0: ${closed}`, 'closed'])
        }),
    },
    {
      id: 'many at once',
      title: 'answers 200 at the same time, and cancels them all when the grace is over',
      check: (style) =>
        withService(style, { graceMs: 100, count: 200 }, async ({ trial, log, act, pass }) => {
          await act(...Array.from({ length: 200 }, () => 'ask'), 'close')
          await pass(100)
          runsExactly(trial, [])
          assert.equal(log.filter((line) => line.endsWith(closed)).length, 200)
          assert.equal(log.at(-1), 'closed')
        }),
    },
    walkClause(
      operation,
      fc.record({ graceMs: fc.integer({ min: 1, max: 1_000 }), count: fc.nat({ max: 4 }) }),
    ),
    throwsForInputs(
      'service',
      (style, port, input) => style.shutdown(port, input),
      [-1, 1.5, NaN, Infinity, 2 ** 31].map((graceMs) => ({
        input: { graceMs },
        message: `graceMs: expected an integer from 0 to 2147483647, got ${graceMs}`,
      })),
    ),
  ],
  realClauses: [
    ...commonRealClauses({
      run: subject.run,
      input: { sku: 'A-42', graceMs: 1_000 },
      output: availability,
      running: { queries: 1, requests: 1 },
    }),
    {
      title: 'once it is closed, nothing of it runs in Postgres or over HTTP',
      check: (style, world) =>
        withPort(world, {}, async (seen) => {
          const service = style.shutdown(seen.port.forRun({ dbMs: slowMs, httpMs: slowMs }), { graceMs: 20 })
          const { signal } = new AbortController()
          const answers = ['A-42', 'B-0', 'A-42'].map((sku) => service.answer(sku, signal))
          const told = Promise.allSettled(answers)
          await seen.until('the queries run', async () => (await seen.queries()) === 3)
          await seen.until('the requests run', () => seen.requests() === 3)
          await service.close()
          for (const one of await told) {
            assert(one.status === 'rejected' && one.reason instanceof ClosedError, 'it has not been cut off')
          }
          await seen.isQuiet()
          await seen.hasNoSocket()
        }),
    },
  ],
}
