import assert from 'node:assert/strict'
import { inspect, isDeepStrictEqual } from 'node:util'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import {
  type Call,
  OverloadedError,
  type RegulateInput,
  type Regulated,
  type Reservation,
  type Sku,
  type Style,
} from '@overlap/workload'
import * as fc from 'fast-check'
import type { Subject, Suite } from './clause.ts'
import { commonRealClauses, reservation } from './real-clauses.ts'
import { type Happening, failure, firstFailure, mostlySuccess, reservationIn } from './reference.ts'
import type { MadeCall, Outcome } from './scripted-port.ts'
import { leavesNothing, runsExactly, settledOnce, standingClauses } from './standing.ts'
import { type Run, type Trial, assertOutcome, quiet, withTrials } from './trial.ts'
import { walkClause } from './walk.ts'
import { slowMs, withPort } from './world.ts'

/** What is let through. */
const workFor = (sku: Sku): MadeCall => ({ name: 'fetchReservation', input: sku })

interface One extends RegulateInput {
  readonly sku: Sku
  readonly request: Regulated
}

/** One request through a regulator of its own. */
const subject: Subject<One, Reservation> = {
  scenario: 'regulate',
  run:
    (style) =>
    (port, { sku, request, ...input }, signal) =>
      style.regulate(input).through(request, (_, done) => port.fetchReservation(sku, done), signal),
  input: (n) => ({
    sku: `A-${n}`,
    request: { key: `key ${n}`, urgency: n % 8 },
    limit: 1,
    perSecond: 1,
    queue: n % 2,
    agingMs: 100,
  }),
  reference({ sku }, history) {
    const answered = reservationIn(history)
    return {
      calls: [workFor(sku)],
      outcome: firstFailure(history) ?? (answered && { value: answered }),
    }
  },
}

/** A regulator that is asked by many. */
interface Operation extends RegulateInput {
  /** Who asks, for `A-0`, `A-1`, …: some in one tick, and the next ones later. */
  readonly waves: readonly (readonly Regulated[])[]
}

/** What it has told, and when: ms since it was made. */
interface Told {
  /** In the order of asking. */
  readonly answers: readonly (Outcome<unknown> & { readonly atMs: number })[]
  /** How many keys were known at the end. */
  readonly keys: number
}

/**
 * Operates a regulator: acts are `ask <key> <urgency>`, with a third word for how the work is, `abort <n>`
 * and `leave`, which ends it when everybody has been told. With ` & ` between them, they come in one tick. Notes in
 * `log` what is told, in the order of telling.
 */
const operate =
  (style: Style, log: string[] = []): Run<RegulateInput, Told> =>
  (port, input, signal, controls) => {
    const regulator = style.regulate(input)
    const madeAtMs = Date.now()
    const { promise, resolve, reject } = Promise.withResolvers<Told>()
    const controllers: AbortController[] = []
    const answers: Told['answers'][number][] = []
    const running = new Map<string, number>()

    /** A work that tells when there are too many of its key, be it for a moment. */
    function workOf(n: number, key: string, kind: string | undefined): Call<void, unknown> {
      return (_, done) => {
        if (kind === 'throwing') throw new Error('thrown')
        let runs = true
        const count = (by: number) => running.set(key, (running.get(key) ?? 0) + by)
        const end = () => {
          if (runs) count(-1)
          runs = false
        }
        count(1)
        if ((running.get(key) ?? 0) > input.limit) reject(new Error(`more than the limit run of ${key}`))
        const cancel = port.fetchReservation(`A-${n}`, (error, value) => {
          end()
          done(error, value)
        })
        return () => {
          end()
          cancel()
        }
      }
    }
    function ask(request: Regulated, kind: string | undefined) {
      const n = controllers.length
      const controller = new AbortController()
      controllers.push(controller)
      if (kind === 'aborted') controller.abort(abortOf(n))
      const tell = (outcome: Outcome<unknown>) => {
        answers[n] = { ...outcome, atMs: Date.now() - madeAtMs }
        log.push(`A-${n}: ${'error' in outcome ? outcome.error.message : 'done'}`)
      }
      regulator.through(request, workOf(n, request.key, kind), controller.signal).then(
        (value) => tell({ value }),
        (error: Error) => tell({ error }),
      )
    }
    function leave() {
      signal.removeEventListener('abort', abort)
      resolve({ answers, keys: regulator.keys })
    }
    function abort() {
      for (const controller of controllers) controller.abort(signal.reason)
      reject(signal.reason as Error)
    }
    signal.addEventListener('abort', abort, { once: true })
    controls.act = (acts) => acts.split(' & ').forEach(act)
    function act(text: string) {
      const [verb, what = '', urgency, kind] = text.split(' ')
      if (verb === 'ask') ask({ key: what, urgency: Number(urgency) }, kind)
      else if (verb === 'abort') controllers[Number(what)]?.abort(abortOf(Number(what)))
      else if (verb === 'keys') log.push(`keys: ${regulator.keys}`)
      else leave()
    }
    return promise
  }

const abortOf = (n: number) => new Error(`nobody waits for answer ${n} any more`)

/** One request, as the reference model follows it. */
interface Asked extends Regulated {
  readonly n: number
  readonly rank: number
  state: 'waiting' | 'running' | 'over'
  wasStarted: boolean
  answered: boolean
  ending?: Outcome<unknown> & { readonly atMs: number }
}

/** What the regulator must have done by now. */
function follow({ limit, perSecond, queue, agingMs }: RegulateInput, history: readonly Happening[]) {
  const spacingMs = perSecond === undefined ? 0 : Math.ceil(1_000 / perSecond)
  const all: Asked[] = []
  const nextStartMs = new Map<string, number>()
  let nowMs = 0
  const of = (key: string, state: Asked['state']) =>
    all.filter((one) => one.key === key && one.state === state)
  const keys = () => [...new Set(all.map(({ key }) => key))]
  const heldBackMs = (key: string) => Math.max((nextStartMs.get(key) ?? 0) - nowMs, 0)

  function advance() {
    for (const key of keys()) {
      for (;;) {
        const [first] = of(key, 'waiting').toSorted((a, b) => a.rank - b.rank)
        if (!first || of(key, 'running').length >= limit || heldBackMs(key) > 0) break
        first.state = 'running'
        first.wasStarted = true
        nextStartMs.set(key, nowMs + spacingMs)
      }
    }
  }
  function ask(key: string, urgency: number) {
    const asked = { n: all.length, key, urgency, rank: nowMs + urgency * agingMs }
    const one: Asked = { ...asked, state: 'waiting', wasStarted: false, answered: false }
    all.push(one)
    advance()
    if (of(key, 'waiting').length > queue) end(one, { error: new OverloadedError(key) })
  }
  function end(one: Asked | undefined, outcome: Outcome<unknown>) {
    assert(one)
    one.state = 'over'
    one.ending = { ...outcome, atMs: nowMs }
    advance()
  }
  for (const happening of history) {
    if ('passedMs' in happening) {
      nowMs += happening.passedMs
      advance()
    } else if ('act' in happening) {
      for (const act of happening.act.split(' & ')) {
        const [verb, what = '', urgency] = act.split(' ')
        if (verb === 'ask') ask(what, Number(urgency))
        else if (verb === 'abort') end(all[Number(what)], { error: abortOf(Number(what)) })
      }
    } else {
      const { call, outcome } = happening
      const one = all.find(({ n }) => `A-${n}` === call.input)
      if (one) one.answered = true
      end(one, outcome)
    }
  }
  const dueMs = keys()
    .filter((key) => of(key, 'waiting').length > 0 && of(key, 'running').length < limit)
    .map(heldBackMs)
  const known = keys().filter(
    (key) => of(key, 'waiting').length > 0 || of(key, 'running').length > 0 || heldBackMs(key) > 0,
  )
  return { all, dueMs: Math.min(...dueMs), keys: known.length }
}

const operation: Subject<Operation, Told> = {
  scenario: 'regulate',
  run: (style) => operate(style),
  input: (n) => ({ limit: 1, queue: n, agingMs: n, waves: [[{ key: 'bar', urgency: 3 }]] }),
  answersTo: mostlySuccess,
  reference(input, history) {
    const { all, dueMs, keys } = follow(input, history)
    const acts = history.flatMap((happening) => ('act' in happening ? happening.act : []))
    const next = input.waves[acts.filter((act) => act.startsWith('ask')).length]
    const open = all.filter(({ state }) => state !== 'over')
    const isOver = !next && open.length === 0
    const started = all.filter(({ wasStarted }) => wasStarted)
    return {
      calls: started.map(({ n }) => workFor(`A-${n}`)),
      cancelled: started
        .filter(({ ending, answered }) => ending && !answered)
        .map(({ n }) => workFor(`A-${n}`)),
      // Time passes also when nothing is due, because arrival counts; and one ms too little.
      nextMs: Math.min(dueMs === Infinity ? 40 : Math.max(dueMs - 1, 1), 40),
      acts: [
        ...(next ? [next.map(({ key, urgency }) => `ask ${key} ${urgency}`).join(' & ')] : []),
        ...(isOver ? ['leave'] : []),
        ...open.map(({ n }) => `abort ${n}`),
      ],
      outcome: acts.includes('leave')
        ? { value: { answers: all.flatMap(({ ending }) => ending ?? []), keys } }
        : undefined,
    }
  },
}

/** One regulator in a trial of its own, for the clauses below. At their end nothing may wait or run. */
async function withRegulator(
  style: Style,
  input: RegulateInput,
  body: (seen: {
    readonly trial: Trial<Told>
    readonly log: string[]
    /** Acts, and lets happen what follows from it. */
    readonly act: (...acts: readonly string[]) => Promise<void>
    readonly pass: (ms: number) => Promise<void>
    readonly succeed: (...numbers: readonly number[]) => Promise<void>
    readonly fail: (n: number) => Promise<void>
    /** Fails unless the works of these run, and no other. */
    readonly runs: (...numbers: readonly number[]) => void
    /** Those whose work has been started, in this order. */
    readonly started: () => readonly number[]
  }) => Promise<void>,
): Promise<void> {
  await withTrials(async (start) => {
    const log: string[] = []
    const trial = start(operate(style, log), input)
    async function answer(n: number, outcome: Outcome<unknown>) {
      trial.answer({ call: workFor(`A-${n}`), outcome })
      await quiet()
    }
    async function act(...acts: readonly string[]) {
      for (const one of acts) trial.happen({ act: one })
      await quiet()
    }
    await body({
      trial,
      log,
      act,
      async pass(ms) {
        trial.pass(ms)
        await quiet()
      },
      async succeed(...numbers) {
        for (const n of numbers) await answer(n, { value: { sku: `A-${n}`, reserved: n } })
      },
      fail: (n) => answer(n, failure(workFor(`A-${n}`))),
      runs: (...numbers) =>
        runsExactly(
          trial,
          numbers.map((n) => workFor(`A-${n}`)),
        ),
      started: () => trial.calls.map(({ input: sku }) => Number(String(sku).slice(2))),
    })
    runsExactly(trial, [])
    await act('leave')
    const { outcome } = trial
    assert(outcome && 'value' in outcome, `it has failed: ${inspect(outcome)}`)
    leavesNothing(trial)
    settledOnce(trial)
  })
}

/** Mostly of one key, so that they meet. */
const asking = fc.record({
  key: fc.constantFrom('bar', 'bar', 'bar', 'baz'),
  urgency: fc.constantFrom(0, 1, 3, 7),
})

const range = (count: number) => Array.from({ length: count }, (_, n) => n)
const times = (count: number, act: string) => range(count).map(() => act)
const done = (n: number) => `A-${n}: done`
const overloaded = (n: number, key: string) => `A-${n}: ${new OverloadedError(key).message}`

/** No rate, a long queue, and in effect no aging: who is more urgent goes first. */
const one: RegulateInput = { limit: 1, queue: 1_000, agingMs: 2 ** 31 - 1 }

/** The id of the clause about thousands who wait. */
export const MANY_IN_LINE = 'many in line'

export const regulateSuite: Suite = {
  scenario: 'regulate',
  clauses: [
    ...standingClauses(subject),
    {
      id: 'limit by key',
      title:
        'of one key never more than `limit` run, and never fewer while some wait; keys do not wait for each other',
      check: (style) =>
        withRegulator(style, { ...one, limit: 2 }, async ({ act, runs, succeed }) => {
          await act(...times(5, 'ask bar 3'), ...times(3, 'ask baz 3'), 'ask __proto__ 3')
          runs(0, 1, 5, 6, 8)
          await succeed(1)
          runs(0, 2, 5, 6, 8)
          await succeed(5, 6)
          runs(0, 2, 7, 8)
          await succeed(0, 2)
          runs(3, 4, 7, 8)
          await succeed(3, 4, 7, 8)
        }),
    },
    {
      id: 'place given on',
      title: 'however the work ends, its place is given on, once: success, failure, throw and abort',
      check: (style) =>
        withRegulator(style, one, async ({ trial, log, act, runs, started, succeed, fail }) => {
          await act('ask bar 0', 'ask bar 0', 'ask bar 0 throwing', ...times(4, 'ask bar 0'))
          runs(0)
          await succeed(0)
          runs(1)
          await fail(1)
          // Number 2 has thrown, and is over.
          runs(3)
          assert.deepEqual(log, [done(0), 'A-1: bad gateway', 'A-2: thrown'])
          await act('abort 3')
          runs(4)
          // What has ended cannot give a place away again.
          await act('abort 3', 'abort 0', 'abort 2')
          for (const n of [0, 1, 3]) trial.answer({ call: workFor(`A-${n}`), outcome: { value: 1 } })
          await quiet()
          runs(4)
          await succeed(4, 5, 6)
          assert.deepEqual(started(), [0, 1, 3, 4, 5, 6])
        }),
    },
    {
      id: 'urgent first',
      title: 'of those who wait, the most urgent goes first, and among equals whoever came first',
      check: (style) =>
        withRegulator(style, one, async ({ act, pass, started, succeed }) => {
          await act('ask bar 7')
          for (const urgency of [7, 3, 0, 3, 7, 0, 1]) {
            await act(`ask bar ${urgency}`)
            await pass(1)
          }
          const order = [0, 3, 6, 7, 2, 4, 1, 5]
          await succeed(...order)
          assert.deepEqual(started(), order)
        }),
    },
    {
      id: 'by arrival',
      title: 'without aging, goes by arrival alone, also for those who came within one ms',
      check: (style) =>
        withRegulator(style, { ...one, agingMs: 0 }, async ({ act, started, succeed }) => {
          await act('ask bar 7', 'ask bar 7', 'ask bar 0', 'ask bar 3', 'ask bar 0')
          await succeed(0, 1, 2, 3, 4)
          assert.deepEqual(started(), [0, 1, 2, 3, 4])
        }),
    },
    {
      id: 'aging',
      title:
        'who is less urgent by n is overtaken by whoever comes up to n × `agingMs` later, and by nobody after',
      check: (style) =>
        withRegulator(style, { ...one, agingMs: 100 }, async ({ act, pass, started, succeed }) => {
          await act('ask bar 0', 'ask bar 2')
          await pass(100)
          await act('ask bar 1')
          await pass(99)
          await act('ask bar 0')
          await pass(1)
          await act('ask bar 0')
          await pass(1)
          await act('ask bar 0', 'ask bar 1')
          const order = [0, 3, 1, 2, 4, 5, 6]
          await succeed(...order)
          assert.deepEqual(started(), order)
        }),
    },
    {
      id: 'nobody starves',
      title: 'while urgent ones keep coming, the least urgent waits for 7 × `agingMs` and no longer',
      check: (style) =>
        withRegulator(style, { ...one, agingMs: 10 }, async ({ act, pass, started, succeed }) => {
          await act('ask bar 0', 'ask bar 7')
          for (let n = 2; n < 200 && !started().includes(1); n++) {
            await act('ask bar 0')
            await pass(1)
            await succeed(started().at(-1) ?? 0)
          }
          assert.equal(started().indexOf(1), 71)
          await succeed(1)
          // Each ms one has come and one has gone, so one more is left.
          await succeed(started().at(-1) ?? 0)
        }),
    },
    {
      id: 'monotonic clock',
      title: 'a wall clock that is set back or forth changes neither the order nor the rate',
      check: (style) =>
        withRegulator(
          style,
          { ...one, agingMs: 1, perSecond: 10 },
          async ({ act, pass, started, succeed }) => {
            const { now } = Date
            try {
              for (const ms of [0, 3_600_000, -3_600_000]) {
                Date.now = () => now() + ms
                await act('ask bar 1')
                await pass(10)
                if (ms === 0) await succeed(0)
              }
              assert.deepEqual(started(), [0], 'too early')
              await pass(70)
              await succeed(1)
              await pass(100)
              await succeed(2)
              assert.deepEqual(started(), [0, 1, 2])
            } finally {
              Date.now = now
            }
          },
        ),
    },
    {
      id: 'rate',
      title: 'never starts more than `perSecond` of one key in any second, and spreads them evenly',
      check: (style) =>
        withRegulator(
          style,
          { ...one, limit: 10, perSecond: 3 },
          async ({ act, pass, fail, started, succeed, runs }) => {
            await act(...times(4, 'ask bar 3'), 'ask baz 3')
            runs(0, 4)
            await fail(0)
            await pass(333)
            assert.deepEqual(started(), [0, 4], 'too early')
            await pass(1)
            runs(1, 4)
            await succeed(1)
            await pass(333)
            await act('ask bar 0')
            assert.deepEqual(started(), [0, 4, 1], 'too early')
            await pass(1)
            runs(4, 5)
            // Whoever leaves while it runs has started all the same.
            await act('abort 5')
            runs(4)
            await pass(333)
            runs(4)
            await pass(1)
            runs(2, 4)
            await pass(10_000)
            runs(2, 3, 4)
            // Time in which nobody came is not made up for.
            await act('ask bar 3', 'ask bar 3')
            runs(2, 3, 4, 6)
            await pass(334)
            runs(2, 3, 4, 6, 7)
            await succeed(2, 3, 4, 6, 7)
          },
        ),
    },
    {
      id: 'rate and limit',
      title: 'who waits needs both a place and the time since the last start: starts as soon as it has both',
      check: (style) =>
        withRegulator(style, { ...one, perSecond: 10 }, async ({ act, pass, started, succeed, runs }) => {
          await act(...times(3, 'ask bar 3'))
          await pass(250)
          runs(0)
          await succeed(0)
          runs(1)
          await succeed(1)
          await pass(99)
          assert.deepEqual(started(), [0, 1], 'too early')
          await pass(1)
          runs(2)
          await succeed(2)
        }),
    },
    {
      id: 'smoothed',
      title: 'of 100 who come at once, one starts every 1,000 / `perSecond` ms: urgent first, all in the end',
      check: (style) =>
        withRegulator(
          style,
          { limit: 100, queue: 99, perSecond: 50, agingMs: 1_000 },
          async ({ act, pass, started, succeed }) => {
            const urgencies = range(100).map((n) => (n * 5) % 8)
            await act(...urgencies.map((urgency) => `ask bar ${urgency}`))
            const waiting = range(100).slice(1)
            const byUrgency = waiting.toSorted((a, b) => (urgencies[a] ?? 0) - (urgencies[b] ?? 0))
            const order = [0, ...byUrgency]
            for (let count = 1; count < 100; count++) {
              await pass(19)
              assert.equal(started().length, count, 'too early')
              await pass(1)
              assert.equal(started().length, count + 1, 'too late')
            }
            assert.deepEqual(started(), order)
            await succeed(...order)
          },
        ),
    },
    {
      id: 'full queue',
      title:
        'when `queue` wait, one more of that key is told so at once, and is never started, however urgent',
      async check(style) {
        await withRegulator(style, { ...one, queue: 2 }, async ({ log, act, started, succeed }) => {
          await act(...times(3, 'ask bar 7'), 'ask bar 0', 'ask baz 0')
          assert.deepEqual(log, [overloaded(3, 'bar')])
          await act('abort 1', 'ask bar 7', 'ask bar 7')
          assert.deepEqual(log.slice(1).toSorted(), [`A-1: ${abortOf(1).message}`, overloaded(6, 'bar')])
          await succeed(0)
          await act('ask bar 7', 'ask bar 7')
          assert.deepEqual(log.slice(3), [done(0), overloaded(8, 'bar')])
          await succeed(4, 2, 5, 7)
          assert.deepEqual(started(), [0, 4, 2, 5, 7])
        })
        // In the tick in which it is told so, it stands in nobody's way: neither in the line, nor at a start.
        const spaced = { ...one, queue: 1, perSecond: 10 }
        await withRegulator(style, spaced, async ({ trial, log, act, pass, runs, succeed }) => {
          await act('ask bar 7', 'ask bar 7')
          await pass(100)
          await act('ask bar 0 & abort 1 & ask bar 7')
          assert.deepEqual(log.toSorted(), [`A-1: ${abortOf(1).message}`, overloaded(2, 'bar')])
          trial.happen({ act: 'ask bar 0' })
          await succeed(0)
          runs(3)
          await succeed(3)
        })
      },
    },
    {
      id: 'no queue',
      title: 'with a queue of 0 nobody waits, neither for a place nor for the time',
      async check(style) {
        await withRegulator(style, { ...one, queue: 0 }, async ({ log, act, runs, succeed }) => {
          await act('ask bar 3', 'ask bar 3')
          assert.deepEqual(log, [overloaded(1, 'bar')])
          await succeed(0)
          await act('ask bar 3')
          runs(2)
          await succeed(2)
        })
        await withRegulator(
          style,
          { ...one, limit: 2, queue: 0, perSecond: 10 },
          async ({ log, act, pass, runs, succeed }) => {
            await act('ask bar 3', 'ask bar 3')
            await pass(99)
            await act('ask bar 3')
            assert.deepEqual(log, [overloaded(1, 'bar'), overloaded(2, 'bar')])
            await pass(1)
            await act('ask bar 3')
            runs(0, 3)
            await succeed(0, 3)
          },
        )
      },
    },
    {
      id: 'abort while waiting',
      title:
        'whoever is aborted while it waits fails with its reason at once, is never started, and makes room',
      check: (style) =>
        withRegulator(style, { ...one, queue: 4 }, async ({ log, act, started, succeed }) => {
          await act(...times(5, 'ask bar 3'), 'abort 1', 'abort 3', 'abort 4', 'ask bar 3 aborted')
          const reasons = [1, 3, 4, 5].map((n) => `A-${n}: ${abortOf(n).message}`)
          assert.deepEqual(log.toSorted(), reasons)
          await act(...times(3, 'ask bar 3'))
          await succeed(0, 2, 6, 7, 8)
          assert.deepEqual(started(), [0, 2, 6, 7, 8])
        }),
    },
    {
      id: 'abort while running',
      title: 'an abort while it runs cancels the work, and its place is free at once',
      check: (style) =>
        withRegulator(style, { ...one, limit: 2 }, async ({ trial, act, runs, succeed }) => {
          await act(...times(4, 'ask bar 3'))
          await act('abort 0')
          runs(1, 2)
          await act('abort 1', 'abort 3')
          runs(2)
          const most = trial.calls.length
          await act('ask bar 3')
          assert.equal(trial.calls.length, most + 1)
          await succeed(2, 4)
        }),
    },
    {
      id: 'abort when its turn comes',
      title: 'an abort in the tick in which a place becomes free leaves no place unused and none used twice',
      check: (style) =>
        withRegulator(style, one, async ({ trial, act, runs, succeed }) => {
          await act(...times(5, 'ask bar 3'))
          trial.answer({ call: workFor('A-0'), outcome: { value: 0 } })
          await act('abort 1')
          runs(2)
          await act('abort 3', 'abort 2')
          runs(4)
          await succeed(4)
          await act('ask bar 3', 'abort 5', 'ask bar 3')
          runs(6)
          await succeed(6)
        }),
    },
    {
      id: 'abort when refused',
      title: 'an abort in the tick in which it is refused is told the one or the other, and not both',
      check: (style) =>
        withRegulator(style, { ...one, queue: 0 }, async ({ log, act, succeed }) => {
          await act('ask bar 3', 'ask bar 3', 'abort 1')
          assert.equal(log.length, 1)
          assert([overloaded(1, 'bar'), `A-1: ${abortOf(1).message}`].includes(log[0] ?? ''), log[0])
          await succeed(0)
        }),
    },
    {
      id: 'forgotten',
      title: 'a key is forgotten when nothing of it runs, waits, or holds back the next one',
      async check(style) {
        await withRegulator(style, { ...one, queue: 1 }, async ({ log, act, succeed }) => {
          await act('keys', ...times(3, 'ask bar 3'), 'ask baz 3', 'ask qux 3 aborted', 'keys')
          await succeed(3)
          await act('keys', 'abort 1', 'abort 0')
          await act('keys')
          assert.deepEqual(
            log.filter((line) => line.startsWith('keys')),
            ['keys: 0', 'keys: 2', 'keys: 1', 'keys: 0'],
          )
        })
        await withRegulator(style, { ...one, perSecond: 2 }, async ({ trial, log, act, pass, succeed }) => {
          await act('ask bar 3', 'ask baz 3', 'ask baz 3')
          await succeed(0, 1)
          await pass(499)
          await act('keys')
          await pass(1)
          await succeed(2)
          await act('keys')
          await pass(500)
          await act('keys')
          const counts = log.filter((line) => line.startsWith('keys'))
          assert.deepEqual(counts, ['keys: 2', 'keys: 1', 'keys: 0'])
          assert.equal(trial.calls.length, 3)
        })
      },
    },
    {
      id: 'no idle timer',
      title: 'a timer is there only while somebody who has a place waits for the time, one for each key',
      async check(style) {
        const timersOf = (trial: Trial<Told>) => trial.leftovers().filter((what) => what === 'a timer').length
        await withRegulator(
          style,
          { ...one, limit: 3, perSecond: 1 },
          async ({ trial, act, pass, succeed }) => {
            await act('ask bar 3', 'ask baz 3')
            assert.equal(timersOf(trial), 0, 'nobody waits')
            await act('ask bar 3', 'ask bar 0', 'ask baz 3')
            assert.equal(timersOf(trial), 2, 'two keys wait')
            await act('abort 3', 'abort 4')
            assert.equal(timersOf(trial), 1, 'one key waits')
            await act('abort 2')
            assert.equal(timersOf(trial), 0, 'nobody waits any more')
            await act('ask bar 3')
            await pass(1_000)
            assert.equal(timersOf(trial), 0, 'the last one has started')
            await succeed(0, 1, 5)
          },
        )
        for (const perSecond of [undefined, 1]) {
          const input = perSecond === undefined ? one : { ...one, perSecond }
          await withRegulator(style, input, async ({ trial, act, pass, succeed }) => {
            await act('ask bar 3', 'ask bar 3')
            assert.equal(timersOf(trial), 0, 'all places are taken')
            await pass(1_000)
            await succeed(0, 1)
          })
        }
      },
    },
    {
      id: MANY_IN_LINE,
      title: '2,000 who wait, and whose work is over as soon as it starts, go one after the other',
      check: (style) =>
        withRegulator(style, { ...one, queue: 2_000 }, async ({ log, act, succeed, started }) => {
          await act('ask bar 3', ...times(2_000, 'ask bar 3 throwing'))
          await succeed(0)
          for (let turns = 0; log.length <= 2_000 && turns < 100_000; turns++) await nextTurn()
          const told = [done(0), ...range(2_000).map((n) => `A-${n + 1}: thrown`)]
          // Not `deepEqual`: what of thousands differs takes long to tell, and nobody reads it.
          assert(isDeepStrictEqual(log, told), 'it has told others, or in another order')
          assert.deepEqual(started(), [0])
        }),
    },
    walkClause(
      operation,
      fc.record({
        limit: fc.constantFrom(1, 1, 2, 3),
        perSecond: fc.constantFrom(undefined, undefined, 5, 20, 1_000),
        queue: fc.constantFrom(0, 1, 3, 10, 10),
        agingMs: fc.constantFrom(0, 1, 15, 1_000),
        waves: fc.array(fc.array(asking, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 3 }),
      }),
    ),
    {
      id: 'wrong input',
      title:
        'an input out of range throws a RangeError that names the field; so does an urgency, as a rejection',
      check: (style) =>
        withTrials(async (start) => {
          const wrong: readonly (readonly [Partial<RegulateInput>, string])[] = [
            ...[0, 1.5, NaN].map(
              (limit) => [{ limit }, `limit: expected an integer of at least 1, got ${limit}`] as const,
            ),
            ...[0, 1_001, 0.5].map(
              (perSecond) =>
                [{ perSecond }, `perSecond: expected an integer from 1 to 1000, got ${perSecond}`] as const,
            ),
            ...[-1, Infinity].map(
              (queue) => [{ queue }, `queue: expected an integer of at least 0, got ${queue}`] as const,
            ),
            ...[-1, 2 ** 31].map(
              (agingMs) =>
                [{ agingMs }, `agingMs: expected an integer from 0 to 2147483647, got ${agingMs}`] as const,
            ),
          ]
          for (const [field, message] of wrong)
            assert.throws(() => style.regulate({ ...one, ...field }), new RangeError(message))
          for (const urgency of [-1, 8, 1.5, NaN]) {
            const trial = start(subject.run(style), { ...subject.input(0), request: { key: 'bar', urgency } })
            await quiet()
            const message = `urgency: expected an integer from 0 to 7, got ${urgency}`
            assertOutcome(trial, { errorLike: new RangeError(message) })
            runsExactly(trial, [])
            leavesNothing(trial)
            settledOnce(trial)
          }
        }),
    },
  ],
  realClauses: [
    ...commonRealClauses({
      run: subject.run,
      input: { ...subject.input(0), sku: 'A-42' },
      output: reservation,
      running: { queries: 0, requests: 1 },
    }),
    {
      title: 'of six requests of one key, two at a time come to the service, and those of another meanwhile',
      check: (style, world) =>
        withPort(world, {}, async (seen) => {
          const port = seen.port.forRun({ dbMs: 0, httpMs: 0, replicaMs: [0, 50, 50] })
          const { signal } = new AbortController()
          const regulator = style.regulate({ ...one, limit: 2 })
          const ask = (key: string, replica: number) =>
            regulator.through(
              { key, urgency: 3 },
              (_, told) => port.fetchReservationFrom({ replica, sku: 'A-42' }, told),
              signal,
            )
          const all = Promise.all([
            ...times(6, 'bar').map((key) => ask(key, 1)),
            ...times(2, 'baz').map((key) => ask(key, 2)),
          ])
          const over = all.then(() => true)
          const counts: { readonly bar: number; readonly baz: number }[] = []
          do counts.push({ bar: seen.requests(1), baz: seen.requests(2) })
          while (!(await Promise.race([over, sleep(1, false)])))
          assert.equal(Math.max(...counts.map(({ bar }) => bar)), 2)
          assert(counts.some(({ bar, baz }) => bar === 2 && baz === 2))
          for (const answer of await all) assert.deepEqual(answer, reservation)
        }),
    },
    {
      title:
        'an abort while it waits keeps it from the service, and an abort while it runs lets the next one go',
      check: (style, world) =>
        withPort(world, {}, async (seen) => {
          const port = seen.port.forRun({ dbMs: 0, httpMs: slowMs })
          const before = world.service.ledger.requests
          const asked = () => world.service.ledger.requests - before
          const regulator = style.regulate(one)
          const controllers = range(3).map(() => new AbortController())
          const reason = new Error('the reader has left')
          const answers = controllers.map(({ signal }) =>
            regulator.through(
              { key: 'bar', urgency: 3 },
              (_, told) => port.fetchReservation('A-42', told),
              signal,
            ),
          )
          const told = Promise.allSettled(answers)
          await seen.until('the first one runs', () => seen.requests() === 1)
          controllers[1]?.abort(reason)
          controllers[0]?.abort(reason)
          await seen.until('the third one runs', () => asked() === 2 && seen.requests() === 1)
          controllers[2]?.abort(reason)
          for (const each of await told) assert(each.status === 'rejected' && each.reason === reason)
          await seen.isQuiet()
          assert.equal(asked(), 2)
          assert.equal(regulator.keys, 0)
        }),
    },
  ],
}
