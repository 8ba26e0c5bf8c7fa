import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { type BatchInput, type Sku, type Stock, type Style, UnknownSkuError } from '@overlap/workload'
import * as fc from 'fast-check'
import type { Subject, Suite } from './clause.ts'
import { commonRealClauses } from './real-clauses.ts'
import { type AnswersTo, type Happening, failure, nameOf, skusOf } from './reference.ts'
import type { MadeCall, Outcome } from './scripted-port.ts'
import {
  endsClean,
  leavesNothing,
  runsExactly,
  settledOnce,
  standingClauses,
  throwsForInputs,
} from './standing.ts'
import { type Run, type Trial, quiet, withTrials } from './trial.ts'
import { walkClause } from './walk.ts'
import { slowMs, withPort } from './world.ts'

const queryFor = (...skus: readonly Sku[]): MadeCall => ({ name: 'findStocks', input: skus })

/** A cast, because a made call may be any. */
const skusIn = ({ input }: MadeCall) => input as readonly Sku[]

const stockOf = (sku: Sku, onHand = 42): Stock => ({ sku, onHand })

/** All rows, in another order and with one that nobody has asked for; all but the first; none; or a failure. */
const answersTo: AnswersTo = (call) => {
  const rows = skusIn(call).map((sku) => stockOf(sku))
  const all = { value: [stockOf('Z'), ...rows.toReversed()] }
  return [all, all, { value: rows.slice(1) }, failure(call)]
}

/** Somebody who waits for a sku. */
interface Caller {
  readonly sku: Sku
  ending?: Outcome<Stock> & { readonly atMs: number }
}

/** Those who wait for the same query, by their skus. */
interface Batch {
  readonly openedAtMs: number
  readonly waiting: Map<Sku, Set<Caller>>
  /** Once it has been made. */
  call?: MadeCall
  state: 'gathering' | 'running' | 'answered' | 'cancelled'
}

/** What the loader must have done by now. Acts are `load A` and `abort 0`: the first who has loaded. */
function follow({ windowMs, max }: BatchInput, history: readonly Happening[]) {
  const callers: Caller[] = []
  const batches: Batch[] = []
  let open: Batch | undefined
  let nowMs = 0

  function load(sku: Sku) {
    const caller: Caller = { sku }
    callers.push(caller)
    if (!open) batches.push((open = { openedAtMs: nowMs, waiting: new Map(), state: 'gathering' }))
    const { waiting } = open
    waiting.set(sku, (waiting.get(sku) ?? new Set()).add(caller))
    if (waiting.size === max) ask(open)
  }
  function ask(batch: Batch) {
    open = undefined
    batch.call = queryFor(...batch.waiting.keys())
    batch.state = 'running'
  }
  function abort(n: number) {
    const caller = callers[n]
    assert(caller)
    caller.ending = { error: abortOf(n), atMs: nowMs }
    for (const batch of batches) {
      const { waiting } = batch
      const sharing = waiting.get(caller.sku)
      if (!sharing?.delete(caller)) continue
      if (sharing.size === 0) waiting.delete(caller.sku)
      if (waiting.size > 0) continue
      batch.state = 'cancelled'
      if (batch === open) open = undefined
    }
  }
  function answer(call: MadeCall, outcome: Outcome<unknown>) {
    const batch = batches.find(
      (one) => one.state === 'running' && one.call && nameOf(one.call) === nameOf(call),
    )
    assert(batch, `nobody waits for ${nameOf(call)}`)
    batch.state = 'answered'
    // A cast, because a history holds the answers of every call.
    const rows = 'value' in outcome ? (outcome.value as readonly Stock[]) : []
    for (const [sku, sharing] of batch.waiting) {
      const row = rows.find((stock) => stock.sku === sku)
      const ending = 'error' in outcome ? outcome : row ? { value: row } : { error: new UnknownSkuError(sku) }
      for (const caller of sharing) caller.ending = { ...ending, atMs: nowMs }
      sharing.clear()
    }
    batch.waiting.clear()
  }
  for (const happening of history) {
    if ('passedMs' in happening) {
      nowMs += happening.passedMs
      if (open && nowMs >= open.openedAtMs + windowMs) ask(open)
    } else if ('call' in happening) answer(happening.call, happening.outcome)
    else {
      const [verb, what = ''] = happening.act.split(' ')
      if (verb === 'load') load(what)
      else abort(Number(what))
    }
  }
  return {
    callers,
    leftMs: open && open.openedAtMs + windowMs - nowMs,
    calls: batches.flatMap(({ call }) => call ?? []),
    cancelled: batches.flatMap(({ state, call }) => (state === 'cancelled' && call ? [call] : [])),
  }
}

/** A loader that is asked once. */
const subject: Subject<BatchInput & { readonly sku: Sku }, Stock> = {
  scenario: 'batch',
  run:
    (style) =>
    (port, { sku, ...policy }, signal) =>
      style.batch(port, policy).load(sku, signal),
  // The scripts are those of the first, in which a call runs from the beginning.
  input: (n) => ({ sku: `A-${n}`, windowMs: 10 + (n % 4) * 5, max: 1 + (n % 3) }),
  answersTo,
  reference(input, history) {
    const { callers, leftMs, calls } = follow(input, [{ act: `load ${input.sku}` }, ...history])
    const ending = callers[0]?.ending
    const isMadeOnTheWay = ending && 'error' in ending && ending.error instanceof UnknownSkuError
    return { calls, nextMs: leftMs, outcome: isMadeOnTheWay ? { errorLike: ending.error } : ending }
  },
}

/** A loader that is asked many times. */
interface Loading extends BatchInput {
  /** How often it is asked, until it is over. */
  readonly count: number
}

/** What each was told, in the order of loading, and how many ms after the loader was made. */
type Told = readonly (Outcome<Stock> & { readonly atMs: number })[]

/**
 * Uses a loader: acts are `load A`, `load A aborted` (with a signal that has aborted before), `load A again`
 * (and, as soon as that is told, `load A` once more) and `abort 0` (the first who has loaded). It ends when
 * the loader has been asked as often as it should, and has told all. Notes what is told in `log`, too, in the
 * order of telling.
 */
const operate =
  (style: Style, log: string[] = [], told: Told[number][] = []): Run<Loading, Told> =>
  (port, { count, ...policy }, signal, controls) => {
    const loader = style.batch(port, policy)
    const openedAtMs = Date.now()
    const { promise, resolve, reject } = Promise.withResolvers<Told>()
    const controllers: AbortController[] = []
    let tellings = 0

    function load(sku: Sku, how?: string) {
      const n = controllers.length
      const controller = new AbortController()
      controllers.push(controller)
      if (how === 'aborted') controller.abort(abortOf(n))
      const tell = (outcome: Outcome<Stock>) => {
        told[n] = { ...outcome, atMs: Date.now() - openedAtMs }
        tellings++
        log.push(`${n}: ${'error' in outcome ? outcome.error.message : tellStock(outcome.value)}`)
        if (getEventListeners(controller.signal, 'abort').length > 0)
          reject(new Error(`a listener is left on the signal of caller ${n}`))
        if (how === 'again') load(sku)
        endIfAllIsTold()
      }
      loader.load(sku, controller.signal).then(
        (value) => tell({ value }),
        (error: Error) => tell({ error }),
      )
    }
    function endIfAllIsTold() {
      if (signal.aborted && tellings === controllers.length) reject(signal.reason as Error)
      if (tellings < count) return
      signal.removeEventListener('abort', abort)
      resolve(told)
    }
    function abort() {
      for (const controller of controllers) controller.abort(signal.reason)
      endIfAllIsTold()
    }
    signal.addEventListener('abort', abort, { once: true })
    controls.act = (act) => {
      const [verb, what = '', how] = act.split(' ')
      if (verb === 'load') load(what, how)
      else controllers[Number(what)]?.abort(abortOf(Number(what)))
    }
    return promise
  }

const abortOf = (n: number) => new Error(`caller ${n} waits no more`)
const tellStock = ({ sku, onHand }: Stock) => `${onHand} of ${sku}`

const operation: Subject<Loading, Told> = {
  scenario: 'batch',
  run: (style) => operate(style),
  input: (n) => ({ windowMs: 10 + n, max: 2, count: 2 }),
  answersTo,
  reference(input, history) {
    const { callers, leftMs, calls, cancelled } = follow(input, history)
    const isOver = callers.length === input.count && callers.every(({ ending }) => ending)
    return {
      calls,
      cancelled,
      // In two steps, so that something can happen on the way, and one ms early.
      nextMs: leftMs && Math.max(leftMs - 1, 1),
      acts: [
        ...(callers.length < input.count ? ['load A', 'load B', 'load C'] : []),
        ...callers.flatMap(({ ending }, n) => (ending ? [] : [`abort ${n}`])),
      ],
      outcome: isOver ? { value: callers.flatMap(({ ending }) => ending ?? []) } : undefined,
    }
  },
}

/** One loader in a trial of its own, for the clauses below. */
async function withLoader(
  style: Style,
  input: Loading,
  body: (seen: {
    readonly trial: Trial<Told>
    readonly log: readonly string[]
    readonly told: Told
    /** Acts, all in one tick, and lets happen what follows from it. */
    readonly act: (...acts: readonly string[]) => Promise<void>
    readonly pass: (ms: number) => Promise<void>
    /** Has the query for these skus, the first of them that runs, end so: with all their rows unless told otherwise. */
    readonly answer: (skus: readonly Sku[], outcome?: Outcome<readonly Stock[]>) => Promise<void>
    /** Nothing but queries for these runs, one for each list. */
    readonly asks: (...queries: readonly (readonly Sku[])[]) => void
    /** Timers are gone that nobody waits for. */
    readonly hasNoTimer: () => void
  }) => Promise<void>,
): Promise<void> {
  await withTrials(async (start) => {
    const log: string[] = []
    const told: Told[number][] = []
    const trial = start(operate(style, log, told), input)
    await body({
      trial,
      log,
      told,
      async act(...acts) {
        for (const act of acts) trial.happen({ act })
        await quiet()
      },
      async pass(ms) {
        trial.pass(ms)
        await quiet()
      },
      async answer(skus, outcome = { value: skus.map((sku) => stockOf(sku)) }) {
        trial.answer({ call: queryFor(...skus), outcome })
        await quiet()
      },
      asks: (...queries) =>
        runsExactly(
          trial,
          queries.map((skus) => queryFor(...skus)),
        ),
      hasNoTimer: () =>
        assert.deepEqual(
          trial.leftovers().filter((one) => one === 'a timer'),
          [],
        ),
    })
    leavesNothing(trial)
    settledOnce(trial)
  })
}

export const batchSuite: Suite = {
  scenario: 'batch',
  clauses: [
    ...standingClauses(subject),
    walkClause(
      operation,
      fc.record({
        windowMs: fc.integer({ min: 1, max: 1_000 }),
        max: fc.integer({ min: 1, max: 3 }),
        count: fc.integer({ min: 1, max: 6 }),
      }),
    ),
    {
      id: 'one query',
      title:
        'asks exactly `windowMs` after the first load, once, for the skus in the order of their first load',
      async check(style) {
        await withLoader(style, { windowMs: 10, max: 100, count: 1 }, async (seen) => {
          const { trial, answer, asks } = seen
          // In one tick: the loop has been busy.
          trial.happen({ act: 'load A' })
          trial.pass(10)
          await quiet()
          asks(['A'])
          await answer(['A'])
        })
        await withLoader(style, { windowMs: 10, max: 100, count: 4 }, async (seen) => {
          const { trial, log, act, pass, answer, asks } = seen
          await act('load B')
          await pass(5)
          await act('load A', 'load B')
          await pass(4)
          await act('load C')
          asks()
          await pass(1)
          asks(['B', 'A', 'C'])
          await answer(['B', 'A', 'C'])
          assert.deepEqual(log.toSorted(), ['0: 42 of B', '1: 42 of A', '2: 42 of B', '3: 42 of C'])
          assert.equal(trial.calls.length, 1)
        })
      },
    },
    {
      id: 'full window',
      title: 'asks at once when there are `max` different skus, and the next load opens a window of its own',
      check: (style) =>
        withLoader(style, { windowMs: 10, max: 2, count: 5 }, async (seen) => {
          const { act, pass, answer, asks, hasNoTimer } = seen
          await act('load A', 'load A')
          asks()
          await pass(6)
          await act('load B')
          asks(['A', 'B'])
          hasNoTimer()
          await act('load C')
          await pass(9)
          asks(['A', 'B'])
          await pass(1)
          asks(['A', 'B'], ['C'])
          await act('load D')
          await answer(['A', 'B'])
          await answer(['C'])
          await pass(10)
          asks(['D'])
          await answer(['D'])
        }),
    },
    {
      id: 'in one tick',
      title: 'a window that is full takes nobody more in the same tick, and has asked before anybody leaves',
      check: (style) =>
        withLoader(style, { windowMs: 10, max: 2, count: 4 }, async (seen) => {
          const { log, act, pass, answer, asks } = seen
          await act('load A', 'load B', 'load C', 'abort 0', 'load A')
          asks(['A', 'B'], ['C', 'A'])
          await pass(10)
          await answer(['C', 'A'])
          await answer(['A', 'B'])
          assert.deepEqual(log.slice(0, 1), [`0: ${abortOf(0).message}`])
          assert.deepEqual(log.slice(1).toSorted(), ['1: 42 of B', '2: 42 of C', '3: 42 of A'])
        }),
    },
    {
      id: 'one at a time',
      title: 'with a `max` of 1, each load asks at once by itself, also for the same sku',
      check: (style) =>
        withLoader(style, { windowMs: 10, max: 1, count: 3 }, async (seen) => {
          const { log, act, answer, asks, hasNoTimer } = seen
          await act('load A', 'load A', 'load B')
          asks(['A'], ['A'], ['B'])
          hasNoTimer()
          await answer(['A'], { value: [stockOf('A', 1)] })
          await answer(['B'])
          await answer(['A'], { value: [stockOf('A', 2)] })
          assert.deepEqual(log, ['0: 1 of A', '2: 42 of B', '1: 2 of A'])
        }),
    },
    {
      id: 'equal skus',
      title:
        'equal skus share a place in a query, but not with a query that runs already or has been answered',
      check: (style) =>
        withLoader(style, { windowMs: 10, max: 100, count: 4 }, async (seen) => {
          const { log, act, pass, answer, asks } = seen
          await act('load A', 'load A')
          await pass(10)
          asks(['A'])
          await act('load A')
          await pass(10)
          asks(['A'], ['A'])
          await answer(['A'], { value: [stockOf('A', 1)] })
          await answer(['A'], { value: [stockOf('A', 2)] })
          await act('load A')
          await pass(10)
          asks(['A'])
          await answer(['A'], { value: [stockOf('A', 3)] })
          assert.deepEqual(log, ['0: 1 of A', '1: 1 of A', '2: 2 of A', '3: 3 of A'])
        }),
    },
    {
      id: 'its own row',
      title:
        'each gets the row of its sku, in whatever order they come; without one, an UnknownSkuError, alone',
      check: (style) =>
        withLoader(style, { windowMs: 10, max: 100, count: 4 }, async (seen) => {
          const { told, act, pass, answer } = seen
          await act('load A', 'load B', 'load C', 'load B')
          await pass(10)
          await answer(['A', 'B', 'C'], { value: [stockOf('C', 3), stockOf('Z', 9), stockOf('A', 0)] })
          assert.deepEqual(told, [
            { value: stockOf('A', 0), atMs: 10 },
            { error: new UnknownSkuError('B'), atMs: 10 },
            { value: stockOf('C', 3), atMs: 10 },
            { error: new UnknownSkuError('B'), atMs: 10 },
          ])
        }),
    },
    {
      id: 'the same error',
      title:
        'a query that fails, or throws, fails all its callers with the very same error, and no other query',
      async check(style) {
        await withTrials(async (start) => {
          let thrown = 0
          const told: Told[number][] = []
          const findStocks = () => {
            throw new Error(`thrown ${++thrown} times`)
          }
          const run: Run<Loading, Told> = (port, ...rest) =>
            operate(style, [], told)({ ...port, findStocks }, ...rest)
          const trial = start(run, { windowMs: 10, max: 2, count: 2 })
          for (const act of ['load A', 'load B']) trial.happen({ act })
          await quiet()
          const [first, second] = told
          assert(first && 'error' in first && second && 'error' in second, 'somebody has not been told')
          assert.equal(first.error, second.error)
          assert.equal(thrown, 1)
          endsClean(trial)
        })
        await withLoader(style, { windowMs: 10, max: 2, count: 4 }, async (seen) => {
          const { told, log, act, pass, answer, asks } = seen
          await act('load A', 'load B', 'load C')
          const outcome = failure(queryFor('A', 'B'))
          await answer(['A', 'B'], outcome)
          for (const one of told) assert(one && 'error' in one && one.error === outcome.error)
          assert.equal(log.length, 2)
          await act('load A')
          asks(['C', 'A'])
          await answer(['C', 'A'])
          assert.deepEqual(log.slice(2), ['2: 42 of C', '3: 42 of A'])
          await pass(10)
        })
      },
    },
    {
      id: 'leaving a window',
      title:
        'who leaves a window leaves the others their places; when nobody is left, it is over, with its timer',
      async check(style) {
        await withLoader(style, { windowMs: 10, max: 4, count: 7 }, async (seen) => {
          const { log, act, answer, asks } = seen
          await act('load A', 'load B', 'load A', 'load C')
          await act('abort 0', 'abort 3')
          await act('load D')
          await act('abort 4')
          await act('load E', 'load C')
          assert.equal(log.length, 3)
          asks(['A', 'B', 'E', 'C'])
          await answer(['A', 'B', 'E', 'C'])
          assert.deepEqual(log.slice(3).toSorted(), ['1: 42 of B', '2: 42 of A', '5: 42 of E', '6: 42 of C'])
        })
        await withLoader(style, { windowMs: 10, max: 2, count: 3 }, async (seen) => {
          const { log, act, pass, answer, asks, hasNoTimer } = seen
          await act('load A', 'load A')
          await pass(6)
          await act('abort 1', 'abort 0')
          hasNoTimer()
          await act('load B')
          await pass(9)
          asks()
          await pass(1)
          asks(['B'])
          await answer(['B'])
          assert.deepEqual(log.slice(2), ['2: 42 of B'])
        })
        await withLoader(style, { windowMs: 10, max: 2, count: 2 }, async (seen) => {
          const { act, pass, answer, asks } = seen
          await act('load A')
          await pass(6)
          // Whoever asks for something else instead does both in one tick.
          await act('abort 0', 'load B')
          await pass(9)
          asks()
          await pass(1)
          asks(['B'])
          await answer(['B'])
        })
      },
    },
    {
      id: 'leaving a query',
      title:
        'who leaves a query touches no other; when all have left, it is cancelled, and no window with it',
      check: (style) =>
        withLoader(style, { windowMs: 10, max: 2, count: 6 }, async (seen) => {
          const { log, act, pass, answer, asks } = seen
          await act('load A', 'load B', 'load C')
          await act('abort 0')
          asks(['A', 'B'])
          await act('abort 1')
          asks()
          await act('load D')
          asks(['C', 'D'])
          await act('abort 3')
          await act('load D')
          await pass(10)
          asks(['C', 'D'], ['D'])
          await answer(['C', 'D'])
          await act('load E')
          asks(['D'])
          await pass(10)
          await answer(['E'])
          await answer(['D'])
          assert.deepEqual(log, [
            ...[0, 1, 3].map((n) => `${n}: ${abortOf(n).message}`),
            '2: 42 of C',
            '5: 42 of E',
            '4: 42 of D',
          ])
        }),
    },
    {
      id: 'aborted before a window',
      title: 'a signal that has aborted before opens no window, and takes no place in one that is open',
      async check(style) {
        await withLoader(style, { windowMs: 10, max: 2, count: 1 }, async (seen) => {
          const { trial, act, pass, hasNoTimer } = seen
          await act('load A aborted')
          hasNoTimer()
          await pass(10)
          assert.equal(trial.calls.length, 0)
        })
        await withLoader(style, { windowMs: 10, max: 2, count: 3 }, async (seen) => {
          const { act, pass, answer, asks } = seen
          await act('load A', 'load B aborted')
          asks()
          await act('load A aborted')
          await pass(10)
          asks(['A'])
          await answer(['A'])
        })
      },
    },
    {
      id: 'from an answer',
      title: 'a load from within an answer opens a window of its own',
      check: (style) =>
        withLoader(style, { windowMs: 10, max: 2, count: 4 }, async (seen) => {
          const { log, act, pass, answer, asks } = seen
          await act('load A again', 'load B again')
          await answer(['A', 'B'])
          asks(['A', 'B'])
          await answer(['A', 'B'])
          await pass(10)
          assert.equal(log.length, 4)
        }),
    },
    {
      id: 'longest window',
      title: 'waits for as long as a timer can',
      check: (style) =>
        withLoader(style, { windowMs: 2 ** 31 - 1, max: 2, count: 1 }, async (seen) => {
          const { act, pass, answer, asks } = seen
          await act('load A')
          await pass(2 ** 31 - 2)
          asks()
          await pass(1)
          asks(['A'])
          await answer(['A'])
        }),
    },
    {
      id: 'many at once',
      title: '200 loads at once make as many queries as it takes, and no more',
      check: (style) =>
        withLoader(style, { windowMs: 10, max: 30, count: 200 }, async (seen) => {
          const { log, act, pass, answer, asks } = seen
          const skus = skusOf(200)
          await act(...skus.map((sku) => `load ${sku}`))
          const queries = Array.from({ length: 7 }, (_, n) => skus.slice(n * 30, n * 30 + 30))
          asks(...queries.slice(0, 6))
          await pass(10)
          asks(...queries)
          for (const query of queries.toReversed()) await answer(query)
          assert.equal(log.length, 200)
        }),
    },
    throwsForInputs('loader', (style, port, input) => style.batch(port, input), [
      ...[0, -1, 1.5, NaN, Infinity, 2 ** 31].map((windowMs) => ({
        input: { windowMs, max: 2 },
        message: `windowMs: expected an integer from 1 to 2147483647, got ${windowMs}`,
      })),
      ...[0, -1, 1.5, NaN, Infinity].map((max) => ({
        input: { windowMs: 10, max },
        message: `max: expected an integer of at least 1, got ${max}`,
      })),
    ]),
  ],
  realClauses: [
    ...commonRealClauses({
      run: subject.run,
      input: { sku: 'A-42', windowMs: 10, max: 2 },
      output: stockOf('A-42'),
      running: { queries: 1, requests: 0 },
    }),
    {
      title: '100 loads at once make 4 queries in Postgres, of at most 30 skus each',
      check: (style, world) =>
        withPort(world, { poolMax: 8 }, async (seen) => {
          const skus = skusOf(100)
          const known = (sku: Sku) => /^A-([1-9]|1\d|20|42)$/.test(sku)
          const loadAll = (dbMs: number, signal: AbortSignal) => {
            const loader = style.batch(seen.port.forRun({ dbMs, httpMs: 0 }), { windowMs: 10, max: 30 })
            return Promise.allSettled(skus.map((sku) => loader.load(sku, signal)))
          }
          const leaver = new AbortController()
          const left = loadAll(slowMs, leaver.signal)
          await seen.until('the queries run', async () => (await seen.queries()) === 4)
          const { lent, waiting } = seen.port.stats().database
          assert.deepEqual({ lent, waiting }, { lent: 4, waiting: 0 }, 'there are more queries')
          leaver.abort(new Error('nobody waits any more'))
          await left
          await seen.isQuiet()

          const told = await loadAll(0, new AbortController().signal)
          for (const [n, outcome] of told.entries()) {
            const sku = `A-${n}`
            if (outcome.status === 'fulfilled') assert(known(sku) && outcome.value.sku === sku)
            else assert(!known(sku) && outcome.reason instanceof UnknownSkuError)
          }
        }),
    },
    {
      title: 'a query runs on in Postgres for as long as one of its callers waits, and is gone with the last',
      check: (style, world) =>
        withPort(world, {}, async (seen) => {
          const loader = style.batch(seen.port.forRun({ dbMs: slowMs, httpMs: 0 }), { windowMs: 10, max: 3 })
          const [stayer, ...leavers] = ['A-42', 'B-0', 'A-1'].map((sku) => {
            const controller = new AbortController()
            const loading = loader.load(sku, controller.signal)
            const told = loading.then(
              () => 'an answer',
              (error: unknown) => error,
            )
            return { told, leave: (reason: Error) => controller.abort(reason) }
          })
          assert(stayer)
          await seen.until('the query runs', async () => (await seen.queries()) === 1)
          const reason = new Error('nobody waits any more')
          for (const { leave } of leavers) leave(reason)
          for (const { told } of leavers) assert.equal(await told, reason)
          assert.equal(await seen.queries(), 1, 'the query is gone, although somebody waits')
          stayer.leave(reason)
          assert.equal(await stayer.told, reason)
          await seen.isQuiet()
        }),
    },
  ],
}
