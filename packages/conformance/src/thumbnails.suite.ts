import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { inspect } from 'node:util'
import {
  type Gallery,
  HttpError,
  type Page,
  type Picture,
  type PictureAddress,
  PictureError,
  type PictureWidth,
  type Style,
  type Thumbnail,
  type ThumbnailsInput,
  isPageError,
} from '@overlap/workload'
import * as fc from 'fast-check'
import type { Subject, Suite } from './clause.ts'
import { commonRealClauses } from './real-clauses.ts'
import { type AnswersTo, answersIn, failure, nameOf, successes, withoutStack } from './reference.ts'
import type { MadeCall, Outcome, ScriptedCall } from './scripted-port.ts'
import {
  endsClean,
  nothingRuns,
  refusesInputs,
  runsExactly,
  settledOnce,
  standingClauses,
} from './standing.ts'
import { type StartTrial, type Trial, assertOutcome, notSettled, quiet, withTrials } from './trial.ts'
import { walkClause } from './walk.ts'
import { withPort } from './world.ts'

function success(call: MadeCall): Outcome<unknown> {
  const [outcome] = successes(call)
  return outcome ?? assert.fail()
}

/** An error that is the page's own. It says whose it is, so that those of different pages differ. */
const ownError = (call: MadeCall): { readonly error: HttpError | PictureError } => ({
  error: withoutStack(() =>
    call.name === 'resize'
      ? new PictureError(`${pageOf(call)} has no picture`)
      : new HttpError(`${pageOf(call)} is not there`, { status: 404 }),
  ),
})

/** Success, the page's own error, and of a resize one that ends the run. */
const answersTo: AnswersTo = (call) => [
  success(call),
  ownError(call),
  ...(call.name === 'resize' ? [failure(call)] : []),
]

/** Mostly what succeeds, or a walk would seldom get far. */
const mostlySuccess: AnswersTo = (call) => [
  ...Array.from({ length: call.name === 'resize' ? 8 : 3 }, () => success(call)),
  ...answersTo(call),
]

const subject: Subject<ThumbnailsInput, readonly Gallery[]> = {
  scenario: 'thumbnails',
  run: (style) => style.thumbnails.bind(style),
  // The first one has few orders, for the scripts. More pages at a time are for the walks.
  input: (n) => ({
    pages: [`A-${n}`, `B-${n}`],
    widths: n % 4 === 0 ? [100, 200] : [100],
    limit: 1 + (n % 3),
  }),
  answersTo,
  reference({ pages, widths, limit }, history) {
    const calls: MadeCall[] = []
    const cancelled: MadeCall[] = []
    /** What runs, in the order in which it was made: a call, whose page's it is, and which of its thumbnails. */
    let running: { readonly call: MadeCall; readonly index: number; readonly place: number }[] = []
    const made: Thumbnail[][] = pages.map(() => [])
    const galleries: Gallery[] = []
    const waiting = pages.entries()

    function make(index: number, call: MadeCall, place = 0) {
      calls.push(call)
      running.push({ call, index, place })
    }
    function startNext() {
      const { value } = waiting.next()
      if (value) make(value[0], { name: 'fetchPage', input: value[1] })
    }
    function proceed(index: number, { call, place }: (typeof running)[number], value: unknown) {
      if (call.name === 'fetchPage') make(index, { name: 'fetchPicture', input: value })
      else if (call.name === 'resize') Object.assign(made[index] ?? assert.fail(), { [place]: value })
      else {
        // A cast, because a history holds the answers of every call.
        const picture = value as Picture
        for (const [of, width] of widths.entries())
          make(index, { name: 'resize', input: { picture, width } }, of)
      }
    }
    function answer(call: MadeCall, outcome: Outcome<unknown>): Error | undefined {
      const name = nameOf(call)
      // Of equal calls, the one that was made first is answered first.
      const one = running.find((other) => nameOf(other.call) === name) ?? assert.fail()
      const { index } = one
      const page = pages[index] ?? assert.fail()
      running.splice(running.indexOf(one), 1)
      if ('value' in outcome) proceed(index, one, outcome.value)
      else {
        if (!isPageError(outcome.error)) return outcome.error
        galleries[index] = { page, error: outcome.error }
        cancelled.push(...running.filter((other) => other.index === index).map((other) => other.call))
        running = running.filter((other) => other.index !== index)
      }
      if (running.some((other) => other.index === index)) return undefined
      galleries[index] ??= { page, thumbnails: made[index] ?? [] }
      startNext()
      return undefined
    }

    for (let place = 0; place < Math.min(limit, pages.length); place++) startNext()
    for (const { call, outcome } of answersIn(history)) {
      const error = answer(call, outcome)
      if (error) return { calls, cancelled, outcome: { error } }
    }
    const isOver = Object.keys(galleries).length === pages.length
    return { calls, cancelled, outcome: isOver ? { value: galleries } : undefined }
  },
}

const pagesOf = (count: number): readonly Page[] => Array.from({ length: count }, (_, n) => `P-${n}`)

/** Whose call it is. Casts, because a made call may be any. */
function pageOf({ name, input }: MadeCall): Page {
  if (name === 'fetchPage') return input as Page
  const address =
    name === 'fetchPicture' ? (input as PictureAddress) : (input as PictureWidth).picture.address
  return address.replace('/pictures/', '')
}

const runningIn = (trial: Trial<unknown>): readonly ScriptedCall[] =>
  trial.calls.filter(({ state }) => state === 'running')

/** The running calls of each page that is in flight. */
const inFlight = (trial: Trial<unknown>): ReadonlyMap<Page, readonly ScriptedCall[]> =>
  Map.groupBy(runningIn(trial), pageOf)

/** The running calls of a page that is in flight. */
const callsOf = (trial: Trial<unknown>, page: Page): readonly ScriptedCall[] =>
  inFlight(trial).get(page) ?? assert.fail(`${page} is not in flight`)

/** The pages in the order in which they were started. */
const startedIn = (trial: Trial<unknown>): readonly Page[] =>
  trial.calls.filter(({ name }) => name === 'fetchPage').map(pageOf)

function succeed(trial: Trial<unknown>, calls: readonly ScriptedCall[]): void {
  for (const call of calls) trial.answer({ call, outcome: success(call) })
}

const steps = ['fetchPage', 'fetchPicture', 'resize'] as const

/** Answers what a page waits for, until it waits for this. */
async function bringTo(trial: Trial<unknown>, page: Page, step: (typeof steps)[number]): Promise<void> {
  for (const earlier of steps.slice(0, steps.indexOf(step))) {
    await quiet()
    const calls = callsOf(trial, page)
    if (calls[0]?.name === earlier) succeed(trial, calls)
  }
  await quiet()
  assert.equal(callsOf(trial, page)[0]?.name, step)
}

/** What comes of a page when each of its calls succeeds. Casts, because a script holds the answers of every call. */
function galleryOf(page: Page, widths: readonly number[]): Gallery {
  const picture = valueOf({ name: 'fetchPicture', input: `/pictures/${page}` }) as Picture
  const toThumbnail = (width: number) => valueOf({ name: 'resize', input: { picture, width } }) as Thumbnail
  return { page, thumbnails: widths.map(toThumbnail) }
}

function valueOf(call: MadeCall): unknown {
  const outcome = success(call)
  assert('value' in outcome)
  return outcome.value
}

/** Not an equal error: this one. */
function assertReported({ outcome }: Trial<readonly Gallery[]>, index: number, error: Error): void {
  const gallery = outcome && 'value' in outcome && outcome.value[index]
  assert(gallery && 'error' in gallery && gallery.error === error, 'it reports another error')
}

/**
 * Runs twelve pages with each of a few limits to its end. In each turn, some of those in flight are done in
 * one tick: now one, now two, now all. Every third of them turns out to be bad.
 */
async function inTurns(
  style: Style,
  check: (seen: { readonly inFlight: number; readonly unfinished: number; readonly limit: number }) => void,
): Promise<void> {
  const pages = pagesOf(12)
  for (const limit of [1, 2, 3, 5, 12, 13, Number.MAX_SAFE_INTEGER]) {
    await withTrials(async (start) => {
      const trial = start(subject.run(style), { pages, widths: [100], limit })
      let unfinished = pages.length
      const look = async () => {
        await quiet()
        const there = [...inFlight(trial).keys()]
        check({ inFlight: there.length, unfinished, limit })
        assert(there.length > 0, 'nothing is in flight, and it has not settled')
        return there
      }
      for (let turn = 1; unfinished > 0; turn++) {
        for (const step of steps.slice(0, 2)) {
          await look()
          succeed(
            trial,
            runningIn(trial).filter(({ name }) => name === step),
          )
        }
        const there = await look()
        for (const page of there.slice(0, [there.length, 1, 2][turn % 3])) {
          const calls = callsOf(trial, page)
          unfinished--
          if (unfinished % 3 > 0) succeed(trial, calls)
          else for (const call of calls) trial.answer({ call, outcome: ownError(call) })
        }
      }
      await quiet()
      assert(trial.outcome, notSettled(trial))
    })
  }
}

/** Starts the first three of the pages: one waits for its resizes, one for its picture, and one for the page itself. */
async function withThreeAtWork(
  start: StartTrial,
  style: Style,
  pages: readonly Page[],
): Promise<Trial<readonly Gallery[]>> {
  const trial = start(subject.run(style), { pages, widths, limit: 3 })
  await bringTo(trial, 'P-0', 'resize')
  await bringTo(trial, 'P-1', 'fetchPicture')
  return trial
}

const widths = [100, 200, 300]

export const thumbnailsSuite: Suite = {
  scenario: 'thumbnails',
  clauses: [
    ...standingClauses(subject),
    {
      id: 'overlap',
      title: 'downloads a page and its picture while the pages before it are being resized',
      check: (style) =>
        withTrials(async (start) => {
          const trial = start(subject.run(style), { pages: pagesOf(3), widths, limit: 2 })
          await bringTo(trial, 'P-0', 'resize')
          const resizes = callsOf(trial, 'P-0')
          runsExactly(trial, [...resizes, { name: 'fetchPage', input: 'P-1' }])
          await bringTo(trial, 'P-1', 'fetchPicture')
          runsExactly(trial, [...resizes, { name: 'fetchPicture', input: '/pictures/P-1' }])
          await bringTo(trial, 'P-1', 'resize')
          runsExactly(trial, [...resizes, ...callsOf(trial, 'P-1')])
          succeed(trial, resizes)
          await quiet()
          runsExactly(trial, [...callsOf(trial, 'P-1'), { name: 'fetchPage', input: 'P-2' }])
        }),
    },
    {
      id: 'at most',
      title: 'never has more than `limit` pages in flight, also when several are done in one tick',
      check: (style) => inTurns(style, (seen) => assert(seen.inFlight <= seen.limit, inspect(seen))),
    },
    {
      id: 'never fewer',
      title: 'never has fewer than `limit` pages in flight while some wait',
      check: (style) =>
        inTurns(style, (seen) =>
          assert(seen.inFlight >= Math.min(seen.limit, seen.unfinished), inspect(seen)),
        ),
    },
    {
      id: 'first come',
      title: 'starts in the order of `pages`, whichever is done or bad first',
      check: (style) =>
        withTrials(async (start) => {
          const pages = pagesOf(6)
          const trial = start(subject.run(style), { pages, widths, limit: 2 })
          for (let started = 2; started <= pages.length; started++) {
            await quiet()
            assert.deepEqual(startedIn(trial), pages.slice(0, started))
            const page = [...inFlight(trial).keys()][started % 2] ?? assert.fail()
            if (started % 3 === 0) {
              for (const call of callsOf(trial, page)) trial.answer({ call, outcome: ownError(call) })
            } else {
              await bringTo(trial, page, 'resize')
              succeed(trial, callsOf(trial, page))
            }
          }
        }),
    },
    {
      id: 'order',
      title:
        'answers in the order of `pages`, and each of them in the order of `widths`, whichever is done first',
      check: (style) =>
        withTrials(async (start) => {
          const pages = pagesOf(4)
          const trial = start(subject.run(style), { pages, widths: [300, 100, 200], limit: 4 })
          for (const page of pages.toReversed()) {
            await bringTo(trial, page, 'resize')
            const calls = callsOf(trial, page)
            const asked = calls.map(({ input }) => (input as PictureWidth).width)
            assert.deepEqual(asked, [300, 100, 200], 'it has resized in another order')
            for (const call of calls.toReversed()) {
              succeed(trial, [call])
              await quiet()
            }
          }
          assertOutcome(trial, { value: pages.map((page) => galleryOf(page, [300, 100, 200])) })
        }),
    },
    {
      id: 'bad page',
      title:
        'reports a bad page in its place with its very error, whichever call fails, and the others finish',
      async check(style) {
        for (const step of steps) {
          await withTrials(async (start) => {
            const pages = pagesOf(4)
            const trial = start(subject.run(style), { pages, widths, limit: 2 })
            await bringTo(trial, 'P-1', step)
            const [first, ...others] = callsOf(trial, 'P-1').toReversed()
            assert(first)
            const { error } = ownError(first)
            trial.answer({ call: first, outcome: { error } })
            await quiet()
            assert(
              others.every(({ state }) => state === 'cancelled'),
              'its other resizes run on',
            )
            assert.deepEqual([...inFlight(trial).keys()], ['P-0', 'P-2'], 'its place is not the next one’s')
            for (const page of ['P-2', 'P-0', 'P-3']) {
              await bringTo(trial, page, 'resize')
              succeed(trial, callsOf(trial, page))
            }
            await quiet()
            const made = pages.map((page) => (page === 'P-1' ? { page, error } : galleryOf(page, widths)))
            assertOutcome(trial, { value: made })
            assertReported(trial, 1, error)
            endsClean(trial)
          })
        }
      },
    },
    {
      id: 'first in a tick',
      title:
        'of the errors that come in one tick, the first of a page counts, and the first that is no page’s own',
      async check(style) {
        for (const second of [ownError, failure]) {
          await withTrials(async (start) => {
            const trial = start(subject.run(style), { pages: pagesOf(2), widths: [100, 200], limit: 1 })
            await bringTo(trial, 'P-0', 'resize')
            const [one, other] = callsOf(trial, 'P-0')
            assert(one && other)
            const { error } = ownError(one)
            trial.answer({ call: one, outcome: { error } })
            trial.answer({ call: other, outcome: second(other) })
            await bringTo(trial, 'P-1', 'resize')
            succeed(trial, callsOf(trial, 'P-1'))
            await quiet()
            assertOutcome(trial, { value: [{ page: 'P-0', error }, galleryOf('P-1', [100, 200])] })
            assertReported(trial, 0, error)
            settledOnce(trial)
          })
        }
        await withTrials(async (start) => {
          const trial = start(subject.run(style), { pages: pagesOf(3), widths: [100, 200], limit: 2 })
          for (const page of ['P-0', 'P-1']) await bringTo(trial, page, 'resize')
          const first = runningIn(trial).at(-1)
          assert(first)
          const outcome = failure(first)
          trial.answer({ call: first, outcome })
          for (const call of runningIn(trial)) trial.answer({ call, outcome: failure(call) })
          await quiet()
          assertOutcome(trial, outcome)
          settledOnce(trial)
        })
      },
    },
    {
      id: 'error starts nothing',
      title:
        'an error that is no page’s own cancels the rest and starts nothing more, also when others are done or bad in its tick',
      async check(style) {
        for (const bad of ['P-1', 'P-2']) {
          await withTrials(async (start) => {
            const trial = await withThreeAtWork(start, style, pagesOf(6))
            const [fails, ...rest] = callsOf(trial, 'P-0')
            assert(fails)
            const others = callsOf(trial, bad)
            const outcome = failure(fails)
            trial.answer({ call: fails, outcome })
            succeed(trial, rest)
            for (const call of others) trial.answer({ call, outcome: ownError(call) })
            await quiet()
            assertOutcome(trial, outcome)
            assert.deepEqual(startedIn(trial), pagesOf(3), 'it has started more')
            nothingRuns(trial)
            settledOnce(trial)
          })
        }
      },
    },
    {
      id: 'abort starts nothing',
      title: 'an abort in the tick in which pages are done or bad starts nothing more',
      check: (style) =>
        withTrials(async (start) => {
          const reason = new Error('the reader has left')
          const trial = await withThreeAtWork(start, style, pagesOf(6))
          const calls = runningIn(trial)
          trial.abort(reason)
          for (const call of calls) {
            trial.answer({ call, outcome: call.name === 'resize' ? success(call) : ownError(call) })
          }
          await quiet()
          assertOutcome(trial, { error: reason })
          assert.deepEqual(startedIn(trial), pagesOf(3), 'it has started more')
          settledOnce(trial)
        }),
    },
    {
      id: 'abort is no bad page',
      title: 'an abort is one also when its reason is a page’s own error, or a page was bad just before it',
      async check(style) {
        await withTrials(async (start) => {
          const trial = await withThreeAtWork(start, style, pagesOf(4))
          const reason = new PictureError('the reader does not like it')
          trial.abort(reason)
          await quiet()
          assertOutcome(trial, { error: reason })
          endsClean(trial)
        })
        for (const bad of pagesOf(3)) {
          await withTrials(async (start) => {
            const trial = await withThreeAtWork(start, style, pagesOf(4))
            const reason = new Error('the reader has left')
            const [call] = callsOf(trial, bad)
            assert(call)
            trial.answer({ call, outcome: ownError(call) })
            trial.abort(reason)
            await quiet()
            assertOutcome(trial, { error: reason })
            endsClean(trial)
          })
        }
      },
    },
    {
      id: 'equal pages',
      title: 'downloads and resizes equal pages each for itself',
      check: (style) =>
        withTrials(async (start) => {
          const pages = ['P-0', 'P-0', 'P-0']
          const trial = start(subject.run(style), { pages, widths: [100], limit: 2 })
          const thumbnail = (height: number) => ({ width: 100, height, bytes: new Uint8Array() })
          for (const height of [1, 2, 3]) {
            for (const step of steps) {
              await quiet()
              const call = runningIn(trial).find(({ name }) => name === step)
              assert(call, 'it does not run')
              const outcome = step === 'resize' ? { value: thumbnail(height) } : success(call)
              trial.answer({ call, outcome })
            }
          }
          await quiet()
          assertOutcome(trial, {
            value: [1, 2, 3].map((height) => ({ page: 'P-0', thumbnails: [thumbnail(height)] })),
          })
        }),
    },
    {
      id: 'no page',
      title: 'of no page, answers [] without a call, unless the signal has aborted',
      async check(style) {
        const nothing = { pages: [], widths, limit: 1 }
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
    {
      id: 'no width',
      title: 'of no width, downloads every picture and resizes none',
      check: (style) =>
        withTrials(async (start) => {
          const pages = pagesOf(3)
          const trial = start(subject.run(style), { pages, widths: [], limit: 2 })
          for (const page of pages) {
            await bringTo(trial, page, 'fetchPicture')
            succeed(trial, callsOf(trial, page))
          }
          await quiet()
          assertOutcome(trial, { value: pages.map((page) => ({ page, thumbnails: [] })) })
          endsClean(trial)
        }),
    },
    walkClause(
      { ...subject, answersTo: mostlySuccess },
      fc.record({
        pages: fc.array(fc.constantFrom('A', 'B', 'C', 'D', 'E', 'F'), { maxLength: 5 }),
        widths: fc.array(fc.constantFrom(100, 200, 300, 400), { maxLength: 3 }),
        limit: fc.integer({ min: 1, max: 4 }),
      }),
    ),
    refusesInputs(subject, [
      ...[0, -1, 1.5, NaN, Infinity, 2 ** 53].map((limit) => ({
        input: { pages: pagesOf(3), widths, limit },
        message: `limit: expected an integer of at least 1, got ${limit}`,
      })),
      ...[0, -1, 1.5, NaN, Infinity, 4_097].map((width) => ({
        input: { pages: pagesOf(3), widths: [100, width], limit: 1 },
        message: `widths: expected an integer from 1 to 4096, got ${width}`,
      })),
      {
        input: { pages: [], widths: [0], limit: 1 },
        message: 'widths: expected an integer from 1 to 4096, got 0',
      },
    ]),
  ],
  realClauses: [
    ...commonRealClauses({
      run: (style) => (port, input, signal) => style.thumbnails(port, input, signal).then(toSizes),
      input: { pages: ['P-1', 'P-2'], widths: [100, 200], limit: 2 },
      output: [
        { page: 'P-1', sizes: ['100×66', '200×133'] },
        { page: 'P-2', sizes: ['100×66', '200×133'] },
      ],
      running: { queries: 0, requests: 2 },
    }),
    {
      title: 'a picture is downloaded while worker threads resize another',
      check: (style, world) =>
        withPort(world, {}, async (seen) => {
          const { signal } = new AbortController()
          // The threads start, and the pictures are drawn, when they are first wanted.
          await style.thumbnails(seen.port, { pages: ['P-1', 'P-2'], widths: [100], limit: 2 }, signal)
          // The first is over one request earlier, so the last is that much behind the second.
          const pages = ['no-picture', 'P-1', 'P-2']
          const slow = seen.port.forRun({ dbMs: 0, httpMs: 200 })
          const run = style.thumbnails(slow, { pages, widths: manyWidths.slice(0, 12), limit: 2 }, signal)
          await seen.until(
            'one is resized, and one is asked for',
            () => seen.port.stats().workers.running > 0 && seen.requests() > 0,
          )
          assert.equal((await run).length, 3)
        }),
    },
    {
      title: 'bad pages are reported in their places, and the others finish',
      check: (style, world) =>
        withPort(world, {}, async ({ port }) => {
          const { signal } = new AbortController()
          const pages = ['P-2', 'no-picture', 'not-a-picture', 'truncated', 'nowhere', 'P-1']
          const galleries = await style.thumbnails(port, { pages, widths: [100], limit: 3 }, signal)
          assert.deepEqual(toSizes(galleries), [
            { page: 'P-2', sizes: ['100×66'] },
            { page: 'no-picture', error: 'PictureError' },
            { page: 'not-a-picture', error: 'PictureError' },
            { page: 'truncated', error: 'PictureError' },
            { page: 'nowhere', error: 'HttpError 404' },
            { page: 'P-1', sizes: ['100×66'] },
          ])
        }),
    },
    {
      title:
        'after an abort while it resizes, no request runs, no resize runs or waits, and nothing more is asked',
      check: (style, world) =>
        withPort(world, {}, async (seen) => {
          const controller = new AbortController()
          const reason = new Error('the reader has left')
          const { ledger } = world.service
          const { port } = seen
          const pages = Array.from({ length: 10 }, (_, n) => `P-${1 + (n % 2)}`)
          const run = style.thumbnails(port, { pages, widths: manyWidths, limit: 3 }, controller.signal)
          await seen.until('a resize runs, and others wait', () => {
            const { running, waiting } = port.stats().workers
            return running > 0 && waiting > 0
          })
          const asked = ledger.requests
          controller.abort(reason)
          assert.equal(port.stats().workers.waiting, 0, 'resizes still wait')
          await assert.rejects(run, (error) => error === reason)
          await seen.isQuiet()
          // Those that ran cannot be stopped in the middle of a picture.
          await seen.until('no resize runs', () => port.stats().workers.running === 0)
          await sleep(60)
          // Each place may have sent a request that had not come in yet.
          assert(ledger.requests <= asked + 3, `${ledger.requests - asked} requests came after the abort`)
        }),
    },
  ],
}

/** So many that some wait, however many threads there are. */
const manyWidths = Array.from({ length: 40 }, (_, n) => 50 + 10 * n)

/** What can be compared: bytes differ from one version of the encoder to the next. */
const toSizes = (galleries: readonly Gallery[]): readonly object[] =>
  galleries.map((gallery) => {
    const { page } = gallery
    if ('thumbnails' in gallery)
      return { page, sizes: gallery.thumbnails.map(({ width, height }) => `${width}×${height}`) }
    const { error } = gallery
    return { page, error: error instanceof HttpError ? `${error.name} ${error.status}` : error.name }
  })
