import assert from 'node:assert/strict'
import type { Subject } from './clause.ts'
import {
  type Happening,
  type Moment,
  answersIn,
  everyAnswer,
  tell,
  unanswered,
  withoutStack,
} from './reference.ts'
import { type Run, type Trial, assertOutcome, quiet, withNote, withTrials } from './trial.ts'

/** One of the runs that are interleaved. */
interface Interleaved<O> {
  readonly n: number
  readonly trial: Trial<O>
  readonly history: Happening[]
  /** What must be true after `history`, once somebody has asked. */
  moment: Moment<O> | undefined
  abortedWith: Error | undefined
}

/**
 * Runs `count` runs of one scenario at the same time, each on an input of its own.
 *
 * What happens to them happens in turns, in an order that strides through the runs. Some calls fail and
 * some runs are aborted, and every run must end as it would have ended alone. When all of them wait for
 * time, it passes for all.
 */
export async function interleave<I, O>(
  { input, reference, answersTo = everyAnswer }: Subject<I, O>,
  run: Run<I, O>,
  count: number,
): Promise<void> {
  await withTrials(async (start) => {
    const runs = Array.from({ length: count }, (_, n): Interleaved<O> => ({
      n,
      trial: start(run, input(n)),
      history: [],
      moment: undefined,
      abortedWith: undefined,
    }))
    const momentOf = (one: Interleaved<O>) =>
      (one.moment ??= withoutStack(() => reference(input(one.n), one.history)))
    const isOver = (one: Interleaved<O>) =>
      one.abortedWith !== undefined || momentOf(one).outcome !== undefined

    function note(one: Interleaved<O>, happening: Happening) {
      one.history.push(happening)
      one.moment = undefined
    }

    /** Lets the next thing happen to one run, or aborts it. Tells whether there was anything but time. */
    function advance(one: Interleaved<O>): boolean {
      const { n, trial, history } = one
      if (isOver(one)) return false
      if (n % 7 === 5 && history.length === n % 2) {
        one.abortedWith = new Error(`abort of run ${n}`)
        trial.abort(one.abortedWith)
        return true
      }
      const next = choose(one)
      if (!next) return false
      note(one, next)
      trial.happen(next)
      return true
    }

    function choose(one: Interleaved<O>): Happening | undefined {
      const { n, history } = one
      const moment = momentOf(one)
      const waiting = unanswered(moment, history)
      const call = waiting[n % waiting.length]
      if (!call) {
        const [act] = moment.acts ?? []
        return act === undefined ? undefined : { act }
      }
      const outcomes = answersTo(call, history)
      const values = outcomes.filter((outcome) => 'value' in outcome)
      const fails = n % 5 === 3 && answersIn(history).length === (n >> 1) % 2
      const outcome = fails ? outcomes.at(-1) : (values[n % 3 === 0 ? 1 : 0] ?? values[0])
      return outcome && { call, outcome }
    }

    /** Lets time pass until the next run has something to do. Tells whether there was any. */
    function pass(): boolean {
      const waiting = runs.filter((one) => !isOver(one))
      const nextMs = Math.min(...waiting.map((one) => momentOf(one).nextMs ?? Infinity))
      if (nextMs === Infinity) return false
      for (const one of waiting) note(one, { passedMs: nextMs })
      runs[0]?.trial.pass(nextMs)
      return true
    }

    await quiet()
    const stride = 73
    for (let busy = true; busy;) {
      busy = false
      for (let turn = 0; turn < count; turn++) {
        const one = runs[(turn * stride) % count]
        assert(one)
        if (advance(one)) busy = true
        if (turn % 10 === 0) await quiet()
      }
      await quiet()
      busy ||= pass()
      await quiet()
    }
    for (const one of runs) {
      const expected = one.abortedWith ? { error: one.abortedWith } : momentOf(one).outcome
      assert(expected, 'the reference model waits for nothing and has no outcome')
      try {
        assertOutcome(one.trial, expected)
      } catch (error) {
        const steps = [...one.history.map(tell), ...(one.abortedWith ? ['abort'] : [])]
        throw withNote(error, `run ${one.n}, after: ${steps.join(', ')}`)
      }
    }
  })
}
