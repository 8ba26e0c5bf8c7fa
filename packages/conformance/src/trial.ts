/**
 * One run of a scenario on a scripted port and a virtual clock, and all that can be seen of it from
 * outside. A trial observes: what must be true of it, the clauses say.
 */
import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Port } from '@overlap/workload'
import FakeTimers from '@sinonjs/fake-timers'
import { type Answer, isSame } from './reference.ts'
import { type MadeCall, type Outcome, type ScriptedPort, type Throws, scriptedPort } from './scripted-port.ts'

/** A scenario of one style, as the common contract has it. */
export type Run<I, O> = (port: Port, input: I, signal: AbortSignal) => Promise<O>

export interface Trial<O> {
  /** Every call made so far. */
  readonly calls: ScriptedPort['calls']
  /** How the run has ended, if it has. */
  readonly outcome: Outcome<O> | { readonly error: unknown } | undefined
  /** How often the run has settled: 0 or 1, or it is a fault. */
  readonly settlements: number
  /** The calls that were still running when it settled. */
  readonly runningWhenSettled: readonly MadeCall[]
  /** What has gone wrong unseen: thrown where nobody can catch it, rejected unhandled, settled at once. */
  readonly faults: readonly string[]
  /** Timers and listeners that are left. */
  leftovers(): readonly string[]
  /** Answers a call that runs. Whatever that leads to has not happened yet: see `quiet`. */
  answer(answer: Answer): void
  abort(reason: unknown): void
}

interface TrialOptions {
  /** The calls that throw instead of starting. */
  readonly throws?: Throws
  /** The signal has aborted before the run starts, with this. */
  readonly aborted?: { readonly reason: unknown }
}

/** Lets everything happen that can happen without an answer: ticks, microtasks and immediates. */
export async function quiet(): Promise<void> {
  for (let turn = 0; turn < 4; turn++) await nextTurn()
}

/** Starts one run, and hands over what can be seen of it. */
export type StartTrial = <I, O>(run: Run<I, O>, input: I, options?: TrialOptions) => Trial<O>

/**
 * Hands `body` the means to start trials. However it ends, the clock and the listeners of the process
 * are restored, and what a faulty style has left is ended, so that it meets no other trial.
 */
export async function withTrials(body: (start: StartTrial) => Promise<void>): Promise<void> {
  // Immediates and ticks stay real: with them, styles only give way to each other.
  const toFake = ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] as const
  const clock = FakeTimers.install({ toFake: [...toFake] })
  const unseen: string[] = []
  const stops = (['uncaughtException', 'unhandledRejection', 'warning'] as const).map((event) => {
    const listener = (what: unknown) => void unseen.push(`${event}: ${String(what)}`)
    process.on(event, listener)
    return () => process.off(event, listener)
  })
  const trials: Trial<unknown>[] = []
  try {
    await body((run, input, options = {}) => {
      const trial = startTrial(run, input, options, clock, unseen)
      trials.push(trial)
      return trial
    })
  } finally {
    const error = new Error('the trial is over')
    for (const { calls } of trials) for (const call of calls) call.answer({ error })
    await quiet()
    clock.uninstall()
    for (const stop of stops) stop()
  }
}

function startTrial<I, O>(
  run: Run<I, O>,
  input: I,
  options: TrialOptions,
  clock: FakeTimers.Clock,
  unseen: readonly string[],
): Trial<O> {
  const { port, calls, thrownByDone } = scriptedPort(options.throws)
  const controller = new AbortController()
  if (options.aborted) controller.abort(options.aborted.reason)
  let outcome: Trial<O>['outcome']
  let settlements = 0
  let runningWhenSettled: readonly MadeCall[] = []
  /** Whether code of the suite is on the stack: nothing may settle there. */
  let busy = true
  const faults: string[] = []

  function settle(settled: Trial<O>['outcome']) {
    settlements++
    if (busy) faults.push('settled synchronously')
    outcome ??= settled
    runningWhenSettled = calls.filter(({ state }) => state === 'running')
  }
  function step(action: () => void) {
    busy = true
    action()
    busy = false
    for (const thrown of thrownByDone.splice(0)) faults.push(`thrown into the port: ${String(thrown)}`)
  }
  step(() => {
    try {
      // Not `await`: it would hide a thenable that settles twice, or at once.
      run(port, input, controller.signal).then(
        (value) => settle({ value }),
        (error: unknown) => settle({ error }),
      )
    } catch (error) {
      faults.push(`thrown at the caller: ${String(error)}`)
    }
  })
  return {
    calls,
    get faults() {
      return [...faults, ...unseen]
    },
    get outcome() {
      return outcome
    },
    get settlements() {
      return settlements
    },
    get runningWhenSettled() {
      return runningWhenSettled
    },
    leftovers: () => [
      ...getEventListeners(controller.signal, 'abort').map(() => 'a listener on the signal'),
      ...Array.from({ length: clock.countTimers() }, () => 'a timer'),
    ],
    answer: (answer) =>
      step(() => {
        const call = calls.find((made) => made.state === 'running' && isSame(made, answer.call))
        call?.answer(answer.outcome)
      }),
    abort: (reason) => step(() => controller.abort(reason)),
  }
}

/** Values are compared by what they hold, errors by identity: a copy or a wrapper is another error. */
export function assertOutcome<O>(trial: Trial<O>, expected: NonNullable<Trial<O>['outcome']>): void {
  const { outcome } = trial
  assert(outcome, 'it has not settled, although everything that decides has happened')
  if ('error' in expected) {
    assert('error' in outcome, `it succeeded instead of failing with ${String(expected.error)}`)
    assert.equal(outcome.error, expected.error, `it failed with ${String(outcome.error)} instead`)
  } else {
    assert('value' in outcome, `it failed with ${'error' in outcome && String(outcome.error)}`)
    assert.deepEqual(outcome.value, expected.value)
  }
}
