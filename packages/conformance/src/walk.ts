/**
 * The simulated tier: random walks through what can happen to a run. Where the scripts are too many to
 * try them all, fast-check picks inputs, answers, delays and aborts, and shrinks what fails.
 */
import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import * as fc from 'fast-check'
import type { Style } from '@overlap/workload'
import type { Clause, Subject } from './clause.ts'
import {
  type Happening,
  everyAnswer,
  possibleHappenings,
  tell,
  unanswered,
  withoutStack,
} from './reference.ts'
import { abortsWithReason, areEqualCalls, endsClean, runsExactly } from './standing.ts'
import { assertOutcome, quiet, withNote, withTrials } from './trial.ts'

const RUNS = 1_000

/** The id of the clause. */
export const WALK = 'any schedule'

/** A walk has failed: what `SEED` and `SEED_PATH` must be to see it again. */
export class WalkError extends Error {
  readonly seed: number
  readonly path: string

  constructor(message: string, seed: number, path: string, options: ErrorOptions) {
    super(message, options)
    this.seed = seed
    this.path = path
  }
}

/** One clause: whatever happens, in whatever order, the run does what the reference model says. */
export function walkClause<I, O>(subject: Subject<I, O>, inputs: fc.Arbitrary<I>): Clause {
  return {
    id: WALK,
    title: `does what the reference model says in ${RUNS} random schedules with failures and aborts`,
    async check(style) {
      const steps = fc.array(fc.nat({ max: 999 }), { maxLength: 24 })
      const property = fc.asyncProperty(inputs, steps, (input, choices) =>
        walk(subject, style, input, choices),
      )
      const result = await fc.check(property, { numRuns: RUNS, ...replay() })
      if (!result.failed) return
      const { seed, counterexamplePath, errorInstance } = result
      const reproduce = `SEED=${seed} SEED_PATH=${counterexamplePath} npm test -w @overlap/${style.name}`
      throw new WalkError(
        `${String(errorInstance)}\n(reproduce: ${reproduce} -- -t '${subject.scenario} > does what')`,
        seed,
        counterexamplePath ?? '',
        { cause: errorInstance },
      )
    },
  }
}

/** What a failure has printed, to see it again. */
function replay(): { readonly seed?: number; readonly path?: string } {
  const { SEED, SEED_PATH } = process.env
  return {
    ...(SEED === undefined ? undefined : { seed: Number(SEED) }),
    ...(SEED_PATH === undefined ? undefined : { path: SEED_PATH }),
  }
}

/**
 * Plays one run to its end. Each choice, 0 to 999, picks one of all that can happen then, and if that is
 * time, how much of it: up to the moment at which something is due, or some quarters of that. When there
 * are no choices left, the first of it happens.
 */
async function walk<I, O>(
  { reference, run, answersTo = everyAnswer }: Subject<I, O>,
  style: Style,
  input: I,
  choices: readonly number[],
): Promise<void> {
  const history: Happening[] = []
  const reason = new Error('the reader has left')
  await withTrials(async (start) => {
    const trial = start(run(style), input)
    try {
      for (let step = 0; ; step++) {
        await quiet()
        const moment = withoutStack(() => reference(input, history))
        if (moment.outcome) {
          assertOutcome(trial, moment.outcome)
          break
        }
        if (trial.outcome) assert.fail(`it has settled too early: ${inspect(trial.outcome)}`)
        const waiting = unanswered(moment, history)
        areEqualCalls(trial.calls, moment.calls)
        runsExactly(trial, waiting)

        const choice = choices[step] ?? 0
        if (choice > 980) {
          trial.abort(reason)
          await quiet()
          abortsWithReason(trial, reason)
          break
        }
        const possible = possibleHappenings(moment, waiting, history, answersTo)
        const chosen = possible[choice % possible.length]
        assert(chosen, 'the reference model waits for nothing and has no outcome')
        const quarters = 4 - (Math.floor(choice / possible.length) % 4)
        const next = 'passedMs' in chosen ? { passedMs: Math.ceil((chosen.passedMs * quarters) / 4) } : chosen
        history.push(next)
        trial.happen(next)
      }
      endsClean(trial)
    } catch (error) {
      throw withNote(error, `${JSON.stringify(input)}, after: ${history.map(tell).join(', ')}`)
    }
  })
}
