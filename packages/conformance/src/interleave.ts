import assert from 'node:assert/strict'
import type { Subject } from './clause.ts'
import { type Answer, failure, successes, unanswered } from './reference.ts'
import { type Run, assertOutcome, quiet, withTrials } from './trial.ts'

/**
 * Runs `count` runs of one scenario at the same time, each on an input of its own.
 *
 * Their answers come in turns, in an order that strides through the runs. Some calls fail and some
 * runs are aborted, and every run must end as it would have ended alone.
 */
export async function interleave<I, O>(
  { input, reference }: Subject<I, O>,
  run: Run<I, O>,
  count: number,
): Promise<void> {
  await withTrials(async (start) => {
    const runs = Array.from({ length: count }, (_, n) => ({
      n,
      trial: start(run, input(n)),
      answers: [] as Answer[],
      abortedWith: undefined as Error | undefined,
    }))
    /** Gives one run its next answer, or aborts it. Tells whether there was anything to give. */
    function advance({ n, trial, answers, ...one }: (typeof runs)[number]): Error | boolean {
      const { calls, outcome } = reference(input(n), answers)
      if (outcome || one.abortedWith) return false
      if (n % 7 === 5 && answers.length === n % 2) {
        const reason = new Error(`abort of run ${n}`)
        trial.abort(reason)
        return reason
      }
      const waiting = unanswered(calls, answers)
      const call = waiting[n % waiting.length]
      const fails = n % 5 === 3 && answers.length === (n >> 1) % 2
      const possible = call && (fails ? failure(call) : successes(call)[n % 3 === 0 ? 1 : 0])
      assert(call && possible, 'the reference model waits for nothing and has no outcome')
      const answer: Answer = { call, outcome: possible }
      answers.push(answer)
      trial.answer(answer)
      return true
    }
    await quiet()
    const stride = 73
    for (let busy = true; busy;) {
      busy = false
      for (let turn = 0; turn < count; turn++) {
        const one = runs[(turn * stride) % count]
        assert(one)
        const advanced = advance(one)
        if (advanced instanceof Error) one.abortedWith = advanced
        if (advanced) busy = true
        if (turn % 10 === 0) await quiet()
      }
      await quiet()
    }
    for (const { n, trial, answers, abortedWith } of runs) {
      const expected = abortedWith ? { error: abortedWith } : reference(input(n), answers).outcome
      assert(expected)
      assertOutcome(trial, expected)
    }
  })
}
