/**
 * One run of a scenario on a scripted port and a virtual clock, and all that can be seen of it from
 * outside. A trial observes: what must be true of it, the clauses say.
 */
import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import type { Port } from '@overlap/workload'
import FakeTimers from '@sinonjs/fake-timers'
import { type Answer, type Ending, type Happening, nameOf } from './reference.ts'
import { type ScriptedPort, type Throws, scriptedPort } from './scripted-port.ts'

/**
 * A scenario of one style, as the common contract has it.
 *
 * `controls.act` is set by a scenario whose caller does something while it runs: what it does, by its name.
 */
export type Run<I, O> = (port: Port, input: I, signal: AbortSignal, controls: Controls) => PromiseLike<O>

interface Controls {
  act: (name: string) => void
}

export interface Trial<O> {
  /** Every call made so far. */
  readonly calls: ScriptedPort['calls']
  /** How the run has ended, if it has. */
  readonly outcome: { readonly value: O } | { readonly error: unknown } | undefined
  /** How often the run has settled: 0 or 1, or it is a fault. */
  readonly settlements: number
  /** What was still running when it settled: calls by their names, and sessions. */
  readonly runningWhenSettled: readonly string[]
  /** What has gone wrong unseen: thrown where nobody can catch it, rejected unhandled, settled at once, a session misused. */
  readonly faults: readonly string[]
  /** Timers, listeners and sessions that are left. */
  leftovers(): readonly string[]
  /** Lets something happen. Whatever that leads to has not happened yet: see `quiet`. */
  happen(happening: Happening): void
  /** Answers a call, if it runs. */
  answer(answer: Answer): void
  /** Lets time pass on the virtual clock, which all trials share. */
  pass(ms: number): void
  abort(reason: unknown): void
}

interface TrialOptions {
  /** The calls that throw instead of starting. */
  readonly throws?: Throws
  /** The signal has aborted before the run starts, with this. */
  readonly aborted?: { readonly reason: unknown }
}

/** Lets everything happen that can happen without an answer: ticks, microtasks and immediates. */
export function quiet(): Promise<void> {
  return new Promise((resolve) => {
    let turns = 0
    const nextTurn = () => void setImmediate(() => (++turns < 4 ? nextTurn() : resolve()))
    nextTurn()
  })
}

/** Starts one run, and hands over what can be seen of it. */
export type StartTrial = <I, O>(run: Run<I, O>, input: I, options?: TrialOptions) => Trial<O>

/** The clock, while it is virtual. */
let virtualClock: FakeTimers.Clock | undefined

/**
 * Runs `body` on a virtual clock. However it ends, the real one is restored. Within another such body the
 * clock begins anew: to install one takes longer than most trials do.
 */
export async function withVirtualClock(body: (clock: FakeTimers.Clock) => Promise<void>): Promise<void> {
  if (virtualClock) {
    virtualClock.reset()
    return body(virtualClock)
  }
  // Immediates and ticks stay real: with them, styles only give way to each other.
  const clock = FakeTimers.install({
    toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date', 'performance'],
  })
  // Effect's monotonic clock, which holds on to this very function of the process.
  const realTime = Object.getOwnPropertyDescriptor(process.hrtime, 'bigint')
  process.hrtime.bigint = () => BigInt(Math.round(performance.now() * 1e6))
  virtualClock = clock
  try {
    await body(clock)
  } finally {
    virtualClock = undefined
    if (realTime) Object.defineProperty(process.hrtime, 'bigint', realTime)
    clock.uninstall()
  }
}

/**
 * Hands `body` the means to start trials. However it ends, the clock and the listeners of the process
 * are restored, and what a faulty style has left is ended, so that it meets no other trial.
 */
export async function withTrials(body: (start: StartTrial) => Promise<void>): Promise<void> {
  await withVirtualClock(async (clock) => {
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
      for (const stop of stops) stop()
    }
  })
}

function startTrial<I, O>(
  run: Run<I, O>,
  input: I,
  options: TrialOptions,
  clock: FakeTimers.Clock,
  unseen: readonly string[],
): Trial<O> {
  const script = scriptedPort(options.throws)
  const { port, calls } = script
  const controller = new AbortController()
  if (options.aborted) controller.abort(options.aborted.reason)
  const controls: Controls = { act: (name) => assert.fail(`nobody does ${name} here`) }
  let outcome: Trial<O>['outcome']
  let settlements = 0
  let runningWhenSettled: readonly string[] = []
  /** Whether code of the suite is on the stack: nothing may settle there. */
  let busy = true
  const faults: string[] = []

  function settle(settled: Trial<O>['outcome']) {
    settlements++
    if (busy) faults.push('settled synchronously')
    outcome ??= settled
    runningWhenSettled = [...calls.filter(({ state }) => state === 'running').map(nameOf), ...openSessions()]
  }
  function openSessions() {
    return Array.from({ length: script.openSessions }, () => 'a session')
  }
  function step(action: () => void) {
    busy = true
    action()
    busy = false
    faults.push(...script.faults.splice(0))
  }
  step(() => {
    try {
      // Not `await`: it would hide a thenable that settles twice, or at once.
      run(port, input, controller.signal, controls).then(
        (value) => settle({ value }),
        (error: unknown) => settle({ error }),
      )
    } catch (error) {
      faults.push(`thrown at the caller: ${String(error)}`)
    }
  })
  const trial: Trial<O> = {
    calls,
    get faults() {
      return [...faults, ...script.faults, ...unseen]
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
      ...openSessions(),
    ],
    happen(happening) {
      if ('call' in happening) trial.answer(happening)
      else if ('passedMs' in happening) trial.pass(happening.passedMs)
      else step(() => controls.act(happening.act))
    },
    answer: ({ call, outcome: answered }) =>
      step(() => {
        const name = nameOf(call)
        const made = calls.find((one) => one.state === 'running' && nameOf(one) === name)
        made?.answer(answered)
      }),
    pass: (ms) => step(() => void clock.tick(ms)),
    abort: (reason) => step(() => controller.abort(reason)),
  }
  return trial
}

/** What has gone wrong unseen is told as well: that may be why. */
export function notSettled({ faults }: Trial<unknown>, although = ''): string {
  return [`it has not settled${although}`, ...faults].join('\n')
}

/** The error, whose message says in which case it came up. */
export function withNote(error: unknown, note: string): unknown {
  if (error instanceof Error) error.message += `\n(${note})`
  return error
}

/** Values are compared by what they hold, errors by identity: a copy or a wrapper is another error. */
export function assertOutcome<O>(trial: Trial<O>, expected: Ending<O> | { readonly error: unknown }): void {
  const { outcome } = trial
  assert(outcome, notSettled(trial, ', although everything that decides has happened'))
  if ('value' in expected) {
    assert('value' in outcome, `it failed with ${'error' in outcome && String(outcome.error)}`)
    assert.deepEqual(outcome.value, expected.value)
    return
  }
  const wanted = 'error' in expected ? expected.error : expected.errorLike
  assert('error' in outcome, `it succeeded instead of failing with ${String(wanted)}`)
  if ('error' in expected) {
    assert.equal(outcome.error, wanted, `it failed with ${String(outcome.error)} instead`)
  } else assertErrorLike(outcome.error, expected.errorLike)
}

/** The same class and message; what it holds together must be the very same errors, in the same order. */
function assertErrorLike(error: unknown, expected: Error): void {
  assert(error instanceof Error, `it failed with ${String(error)}, which is no error`)
  assert.equal(String(error), String(expected))
  if (!(expected instanceof AggregateError)) return
  assert(error instanceof AggregateError)
  assert.equal(error.errors.length, expected.errors.length, 'it holds another number of errors')
  for (const [index, one] of expected.errors.entries()) {
    assert.equal(error.errors[index], one, `error ${index} of those that it holds is another`)
  }
}
