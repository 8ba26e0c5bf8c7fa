/**
 * The eleven clauses that hold in every scenario and every style. They are written once: what a
 * scenario must do at each moment, they ask its reference model.
 */
import assert from 'node:assert/strict'
import type { Style } from '@overlap/workload'
import type { Clause, Subject } from './clause.ts'
import { interleave } from './interleave.ts'
import { type Answer, type Script, failure, scripts, successes, unanswered } from './reference.ts'
import type { MadeCall, Throws } from './scripted-port.ts'
import { type Run, type Trial, assertOutcome, quiet, withTrials } from './trial.ts'

export function standingClauses<I, O>(subject: Subject<I, O>): readonly Clause[] {
  const { reference, scenario } = subject
  const input = subject.input(0)
  const all = [...scripts(reference, input)]
  const succeeding = all.filter(({ ending }) => ending !== 'abort' && 'value' in ending)
  const failing = all.filter(({ ending }) => ending !== 'abort' && 'error' in ending)
  /** The run in which every call succeeds in the order in which it was made. */
  const healthy = healthyScript(subject, input)
  const failingAtFirst = failing.filter(({ answers }) => answers.length === 1)
  const aborting: Script<O> = { answers: [], ending: 'abort' }
  /** One of each way to end. */
  const endings = [healthy, ...failingAtFirst, aborting]

  const runOf = (style: Style): Run<I, O> => style[scenario].bind(style) as unknown as Run<I, O>

  /** Plays a script to its end, and then asks `judge`. */
  async function play(
    style: Style,
    script: Script<O>,
    judge: (trial: Trial<O>, reason: unknown) => void,
    options: PlayOptions<O> = {},
  ): Promise<void> {
    const reason = 'reason' in options ? options.reason : new Error('the reader has left')
    await withTrials(async (start) => {
      const trial = start(runOf(style), input)
      await quiet()
      options.afterEach?.(trial, [])
      for (const [index, answer] of script.answers.entries()) {
        trial.answer(answer)
        if (!options.inOneTick) await quiet()
        options.afterEach?.(trial, script.answers.slice(0, index + 1))
      }
      if (script.ending === 'abort') trial.abort(reason)
      await quiet()
      try {
        judge(trial, reason)
      } catch (error) {
        throw withScript(error, script)
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
        for (const script of failingAtFirst) {
          await play(style, script, endsAs(script))
          // In the same tick, everything else fails too: that comes second.
          const calls = reference(input, []).calls
          const others = unanswered(calls, script.answers)
          const second = others.map((call) => ({ call, outcome: failure(call) }))
          const both = { ...script, answers: [...script.answers, ...second] }
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
          const trial = start(runOf(style), input, { aborted: { reason } })
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
          const trial = start(runOf(style), input, { aborted })
          await quiet()
          settledOnce(trial)
        })
        for (const script of endings) {
          await play(style, script, settledOnce)
          await withTrials(async (start) => {
            const trial = start(runOf(style), input)
            await quiet()
            for (const answer of script.answers) trial.answer(answer)
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
      id: 'equal work',
      title: 'makes exactly the calls of the reference model, none twice and none early',
      async check(style) {
        for (const script of all) {
          await play(style, script, () => {}, {
            afterEach(trial, answers) {
              const expected = reference(input, answers)
              assert.deepEqual(sorted(trial.calls), sorted(expected.calls), told(script))
            },
          })
        }
      },
    },
    {
      id: 'alone',
      title: '200 interleaved runs do not disturb each other',
      check: (style) => interleave(subject, runOf(style), 200),
    },
    {
      id: 'at every step',
      title: 'aborted or failing at every step of every order: as clean as at the first',
      check: (style) =>
        playAll(style, all, (script) => (trial, reason) => {
          if (script.ending === 'abort') abortsWithReason(trial, reason)
          else endsAs(script)(trial)
          nothingRuns(trial)
          leavesNothing(trial)
          settledOnce(trial)
        }),
    },
    {
      id: 'a throw is a failure',
      title: 'a port call that throws fails the run, escapes nowhere and leaks nothing',
      async check(style) {
        const names = healthy.answers.map(({ call }) => call.name)
        const throwing = (...some: typeof names): Throws =>
          Object.fromEntries(some.map((name) => [name, new Error(`${name} has thrown`)]))
        for (const throws of [...names.map((name) => throwing(name)), throwing(...names)]) {
          for (const reason of [undefined, new Error('an abort in the tick of the throw')]) {
            await withTrials(async (start) => {
              const trial = start(runOf(style), input, { throws })
              if (reason) trial.abort(reason)
              await quiet()
              for (const answer of healthy.answers) {
                if (trial.outcome) break
                trial.answer(answer)
                await quiet()
              }
              failsWithOneOf(trial, [...Object.values(throws), ...(reason ? [reason] : [])])
              nothingRuns(trial)
              leavesNothing(trial)
              settledOnce(trial)
            })
          }
        }
      },
    },
  ]
}

interface PlayOptions<O> {
  /** Gives all answers before anything that follows from one of them can happen later. */
  readonly inOneTick?: boolean
  readonly reason?: unknown
  readonly afterEach?: (trial: Trial<O>, answers: readonly Answer[]) => void
}

const nameOf = ({ name }: MadeCall) => name

const sorted = (calls: readonly MadeCall[]) =>
  calls.map(({ name, input }) => `${name}(${JSON.stringify(input)})`).toSorted()

/** A script in a line, for the message of a failure. */
const told = <O>({ answers, ending }: Script<O>): string =>
  [
    ...answers.map(({ call, outcome }) =>
      'error' in outcome ? `${call.name} fails` : `${call.name} answers ${JSON.stringify(outcome.value)}`,
    ),
    ending === 'abort' ? 'abort' : 'end',
  ].join(', ')

function withScript<O>(error: unknown, script: Script<O>): unknown {
  if (error instanceof Error) error.message += `\n(after: ${told(script)})`
  return error
}

function healthyScript<I, O>({ reference }: Subject<I, O>, input: I): Script<O> {
  const answers: Answer[] = []
  for (;;) {
    const { calls, outcome } = reference(input, answers)
    if (outcome) return { answers, ending: outcome }
    const [call] = unanswered(calls, answers)
    const [outcomeOfCall] = call ? successes(call) : []
    assert(call && outcomeOfCall, 'the reference model waits for nothing and has no outcome')
    answers.push({ call, outcome: outcomeOfCall })
  }
}

function lateAnswers<O>(trial: Trial<O>): void {
  for (const call of trial.calls) trial.answer({ call, outcome: failure(call) })
}

const endsAs =
  <O>({ ending }: Script<O>) =>
  (trial: Trial<O>): void => {
    assert(ending !== 'abort')
    assertOutcome(trial, ending)
  }

function abortsWithReason<O>(trial: Trial<O>, reason: unknown): void {
  const running = trial.calls.filter(({ state }) => state === 'running')
  assert.deepEqual(running.map(nameOf), [], 'calls run on after the abort')
  assertOutcome(trial, { error: reason })
}

function failsWithOneOf<O>({ outcome }: Trial<O>, errors: readonly unknown[]): void {
  assert(outcome && 'error' in outcome, 'it has not failed, although a call has thrown')
  assert(errors.includes(outcome.error), `it failed with ${String(outcome.error)} instead`)
}

function nothingRuns<O>(trial: Trial<O>): void {
  assert(trial.outcome, 'it has not settled')
  assert.deepEqual(trial.runningWhenSettled.map(nameOf), [], 'calls were running when it settled')
}

function leavesNothing<O>(trial: Trial<O>): void {
  assert(trial.outcome, 'it has not settled')
  assert.deepEqual(trial.leftovers(), [], 'something is left')
}

function settledOnce<O>(trial: Trial<O>): void {
  assert.deepEqual(trial.faults, [], 'something went wrong unseen')
  assert.equal(trial.settlements, 1, `it has settled ${trial.settlements} times`)
}
