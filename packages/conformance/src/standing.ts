/**
 * The eleven clauses that hold in every scenario and every style. They are written once: what a
 * scenario must do at each moment, they ask its reference model.
 */
import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import type { Port, Style } from '@overlap/workload'
import type { Clause, Subject } from './clause.ts'
import { interleave } from './interleave.ts'
import {
  type Happening,
  type Script,
  answersIn,
  everyAnswer,
  failure,
  nameOf,
  possibleHappenings,
  scripts,
  tell,
  unanswered,
} from './reference.ts'
import type { MadeCall, Throws } from './scripted-port.ts'
import { type Trial, assertOutcome, notSettled, quiet, withNote, withTrials } from './trial.ts'

/** The id of the clause about interleaved runs. */
export const ALONE = 'alone'
/** The ids of those that try every order of what can happen. */
export const EQUAL_WORK = 'equal work'
export const EVERY_STEP = 'at every step'

export function standingClauses<I, O>(subject: Subject<I, O>): readonly Clause[] {
  const { reference, run, answersTo = everyAnswer } = subject
  const input = subject.input(0)
  const all = [...scripts(reference, input, answersTo)]
  const succeeding = all.filter(({ ending }) => ending !== 'abort' && 'value' in ending)
  const failing = all.filter(({ ending }) => ending !== 'abort' && !('value' in ending))
  /** The run in which every call succeeds in the order in which it was made. */
  const healthy = healthyScript(subject, input)
  const soonest = Math.min(...failing.map(({ happenings }) => happenings.length))
  const failingSoonest = failing.filter(({ happenings }) => happenings.length === soonest)
  const aborting: Script<O> = { happenings: [], ending: 'abort' }
  /** One of each way to end. */
  const endings = [healthy, ...failingSoonest, aborting]

  /** Plays a script to its end, and then asks `judge`. */
  async function play(
    style: Style,
    script: Script<O>,
    judge: (trial: Trial<O>, reason: unknown) => void,
    options: PlayOptions<O> = {},
  ): Promise<void> {
    const reason = 'reason' in options ? options.reason : new Error('the reader has left')
    await withTrials(async (start) => {
      const trial = start(run(style), input)
      try {
        const happenings = options.afterEach
          ? script.happenings.flatMap(withTheMomentBefore)
          : script.happenings
        const { length } = happenings
        if (length > 0 || !options.abortsAtOnce) await quiet()
        options.afterEach?.(trial, [])
        for (const [index, happening] of happenings.entries()) {
          trial.happen(happening)
          const isAbortDue = options.abortsAtOnce && index === length - 1
          if (!options.inOneTick && !isAbortDue) await quiet()
          options.afterEach?.(trial, happenings.slice(0, index + 1))
        }
        if (script.ending === 'abort') trial.abort(reason)
        await quiet()
        judge(trial, reason)
      } catch (error) {
        throw withNote(error, `after: ${told(script, options.abortsAtOnce)}`)
      }
    })
  }

  async function playAll(
    style: Style,
    some: readonly Script<O>[],
    judge: (script: Script<O>) => (trial: Trial<O>, reason: unknown) => void,
  ): Promise<void> {
    for (const script of some) await play(style, script, judge(script))
  }

  return [
    {
      id: 'result',
      title: 'gives the same output for the same answers, whichever call ends first',
      check: (style) => playAll(style, succeeding, endsAs),
    },
    {
      id: 'first error',
      title: 'fails with the very first error itself, as soon as it happened',
      async check(style) {
        for (const script of failingSoonest) {
          await play(style, script, endsAs(script))
          if (soonest > 1) continue
          // In the same tick, everything else fails too: that comes second.
          const others = unanswered(reference(input, []), script.happenings)
          const second = others.map((call) => ({ call, outcome: failure(call) }))
          const both = { ...script, happenings: [...script.happenings, ...second] }
          await play(style, both, endsAs(script), { inOneTick: true })
        }
      },
    },
    {
      id: 'nothing outlives it',
      title: 'when it settles, no call that it started is still running',
      check: (style) => playAll(style, endings, () => nothingRuns),
    },
    {
      id: 'abort',
      title: 'an abort cancels what runs and fails with the reason itself',
      async check(style) {
        for (const reason of [new Error('the reader has left'), 'a string', null]) {
          await play(style, aborting, abortsWithReason, { reason })
        }
      },
    },
    {
      id: 'aborted before',
      title: 'an aborted signal starts nothing and fails with the reason itself',
      async check(style) {
        const reason = new Error('too late')
        await withTrials(async (start) => {
          const trial = start(run(style), input, { aborted: { reason } })
          await quiet()
          assert.deepEqual(trial.calls.map(nameOf), [], 'calls were made')
          assertOutcome(trial, { error: reason })
        })
      },
    },
    {
      id: 'nothing left',
      title: 'leaves no listener on the signal and no timer, however it ends',
      check: (style) => playAll(style, endings, () => leavesNothing),
    },
    {
      id: 'once',
      title: 'settles once, never synchronously, whatever arrives late',
      async check(style) {
        await withTrials(async (start) => {
          const aborted = { reason: new Error('too late') }
          const trial = start(run(style), input, { aborted })
          await quiet()
          settledOnce(trial)
        })
        for (const script of endings) {
          await play(style, script, settledOnce)
          await withTrials(async (start) => {
            const trial = start(run(style), input)
            await quiet()
            for (const happening of script.happenings) trial.happen(happening)
            if (script.ending === 'abort') trial.abort(new Error('the reader has left'))
            // What has been cancelled stays silent; what has not answers now, in this tick and later.
            lateAnswers(trial)
            await quiet()
            lateAnswers(trial)
            trial.abort(new Error('a second abort'))
            await quiet()
            settledOnce(trial)
          })
        }
      },
    },
    {
      id: EQUAL_WORK,
      title: 'makes exactly the calls of the reference model, none twice and none early',
      async check(style) {
        for (const script of all) {
          await play(style, script, () => {}, {
            afterEach(trial, happenings) {
              const expected = reference(input, happenings)
              areEqualCalls(trial.calls, expected.calls)
              if (!expected.outcome) runsExactly(trial, unanswered(expected, happenings))
            },
          })
        }
      },
    },
    {
      id: ALONE,
      title: '200 interleaved runs do not disturb each other',
      check: (style) => interleave(subject, run(style), 200),
    },
    {
      id: EVERY_STEP,
      title: 'aborted or failing at every step of every order: as clean as at the first',
      async check(style) {
        for (const script of all) {
          const judge = (trial: Trial<O>, reason: unknown) => {
            if (script.ending === 'abort') abortsWithReason(trial, reason)
            else endsAs(script)(trial)
            endsClean(trial)
          }
          await play(style, script, judge)
          if (script.ending === 'abort') await play(style, script, judge, { abortsAtOnce: true })
        }
      },
    },
    {
      id: 'a throw is a failure',
      title: 'a port call that throws fails the run, escapes nowhere and leaks nothing',
      async check(style) {
        const names = [...new Set(callsOf(healthy).map(({ name }) => name))]
        const throwing = (...some: typeof names): Throws =>
          Object.fromEntries(some.map((name) => [name, new Error(`${name} has thrown`)]))
        for (const throws of [...names.map((name) => throwing(name)), throwing(...names)]) {
          for (const reason of [undefined, new Error('an abort in the tick of the throw')]) {
            await withTrials(async (start) => {
              const trial = start(run(style), input, { throws })
              if (reason) trial.abort(reason)
              await quiet()
              for (const happening of healthy.happenings) {
                if (trial.outcome) break
                trial.happen(happening)
                await quiet()
              }
              try {
                failsWithOneOf(trial, [...Object.values(throws), ...(reason ? [reason] : [])])
                endsClean(trial)
              } catch (error) {
                const thrown = Object.keys(throws).join(', ')
                throw withNote(error, `${thrown} throws${reason ? ', abort in the same tick' : ''}`)
              }
            })
          }
        }
      },
    },
  ]
}

interface PlayOptions<O> {
  /** Lets everything happen before anything that follows from one of it can happen later. */
  readonly inOneTick?: boolean
  /** The abort comes in the tick of the last step, or of the start, before anything follows from that. */
  readonly abortsAtOnce?: boolean
  readonly reason?: unknown
  /** Also asked one ms before something is due, when nothing may have happened yet. */
  readonly afterEach?: (trial: Trial<O>, happenings: readonly Happening[]) => void
}

/** Until one ms before something is due, and then that ms. */
const withTheMomentBefore = (happening: Happening): readonly Happening[] =>
  'passedMs' in happening && happening.passedMs > 1
    ? [{ passedMs: happening.passedMs - 1 }, { passedMs: 1 }]
    : [happening]

/** A script in a line, for the message of a failure. */
const told = <O>({ happenings, ending }: Script<O>, abortsAtOnce = false): string =>
  [
    ...happenings.map(tell),
    ending !== 'abort' ? 'end' : abortsAtOnce ? 'abort in the same tick' : 'abort',
  ].join(', ')

function healthyScript<I, O>({ reference, answersTo = everyAnswer }: Subject<I, O>, input: I): Script<O> {
  const happenings: Happening[] = []
  for (;;) {
    const moment = reference(input, happenings)
    if (moment.outcome) return { happenings, ending: moment.outcome }
    const [next] = possibleHappenings(moment, unanswered(moment, happenings), happenings, answersTo)
    assert(next, 'the reference model waits for nothing and has no outcome')
    happenings.push(next)
  }
}

const callsOf = <O>({ happenings }: Script<O>): MadeCall[] => answersIn(happenings).map(({ call }) => call)

function lateAnswers<O>(trial: Trial<O>): void {
  for (const call of trial.calls) trial.answer({ call, outcome: failure(call) })
}

const endsAs =
  <O>({ ending }: Script<O>) =>
  (trial: Trial<O>): void => {
    assert(ending !== 'abort')
    assertOutcome(trial, ending)
  }

/** Nothing but `calls` runs. */
export function runsExactly<O>(trial: Trial<O>, calls: readonly MadeCall[]): void {
  const running = trial.calls.filter(({ state }) => state === 'running')
  areEqualCalls(running, calls, 'something else runs')
}

/** The same calls, in whatever order. */
export function areEqualCalls(
  actual: readonly MadeCall[],
  expected: readonly MadeCall[],
  otherwise?: string,
): void {
  const [made, wanted] = [actual.map(nameOf), expected.map(nameOf)]
  // Mostly they come in the same order too, and to sort takes longer than to look.
  if (made.length === wanted.length && made.every((name, index) => name === wanted[index])) return
  assert.deepEqual(made.toSorted(), wanted.toSorted(), otherwise)
}

export function abortsWithReason<O>(trial: Trial<O>, reason: unknown): void {
  runsExactly(trial, [])
  assertOutcome(trial, { error: reason })
}

/** What has been thrown is the failure, or it is among those that all together are the failure. */
function failsWithOneOf<O>({ outcome }: Trial<O>, errors: readonly unknown[]): void {
  assert(outcome && 'error' in outcome, 'it has not failed, although a call has thrown')
  const { error } = outcome
  const failures: unknown[] = error instanceof AggregateError ? error.errors : [error]
  const isThrown = failures.length > 0 && failures.every((one) => errors.includes(one))
  assert(isThrown, `it failed with ${String(error)} instead`)
}

export function nothingRuns<O>(trial: Trial<O>): void {
  assert(trial.outcome, notSettled(trial))
  assert.deepEqual(trial.runningWhenSettled, [], 'calls were running when it settled')
}

export function leavesNothing<O>(trial: Trial<O>): void {
  assert(trial.outcome, notSettled(trial))
  assert.deepEqual(trial.leftovers(), [], 'something is left')
}

export function settledOnce<O>(trial: Trial<O>): void {
  assert.deepEqual(trial.faults, [], 'something went wrong unseen')
  assert.equal(trial.settlements, 1, `it has settled ${trial.settlements} times`)
}

/** It has settled, once, and nothing of it is running or left. */
export function endsClean<O>(trial: Trial<O>): void {
  nothingRuns(trial)
  leavesNothing(trial)
  settledOnce(trial)
}

/** One clause: inputs that mean nothing fail with a `RangeError` of that message, and start nothing. */
export function refusesInputs<I, O>(
  { run }: Subject<I, O>,
  wrong: readonly { readonly input: I; readonly message: string }[],
): Clause {
  return {
    id: 'wrong input',
    title: 'an input out of range starts nothing and fails with a RangeError that names the field',
    async check(style) {
      for (const { input, message } of wrong) {
        await withTrials(async (start) => {
          const trial = start(run(style), input)
          await quiet()
          try {
            assertOutcome(trial, { errorLike: new RangeError(message) })
            assert.deepEqual(trial.calls.map(nameOf), [], 'calls were made')
            leavesNothing(trial)
            settledOnce(trial)
          } catch (error) {
            throw withNote(error, `of ${inspect(input)}, which must fail with "RangeError: ${message}"`)
          }
        })
      }
    },
  }
}

/** The same for what is made first and asked later: to make it throws. `what` is that. */
export function throwsForInputs<I>(
  what: string,
  make: (style: Style, port: Port, input: I) => unknown,
  wrong: readonly { readonly input: I; readonly message: string }[],
): Clause {
  return {
    id: 'wrong input',
    title: `an input out of range throws a RangeError that names the field, before there is a ${what}`,
    async check(style) {
      for (const { input, message } of wrong) {
        await withTrials(async (start) => {
          const trial = start(async (port) => {
            assert.throws(() => make(style, port, input), new RangeError(message))
          }, undefined)
          await quiet()
          try {
            assertOutcome(trial, { value: undefined })
            leavesNothing(trial)
            settledOnce(trial)
          } catch (error) {
            throw withNote(error, `of ${inspect(input)}, which must throw "RangeError: ${message}"`)
          }
        })
      }
    },
  }
}
