import type { ScenarioName, Style } from '@overlap/workload'
import type { AnswersTo, Reference } from './reference.ts'
import type { Run } from './trial.ts'
import type { World } from './world.ts'

/** One claim about a style in one scenario. Its title is the claim. */
export interface Clause {
  /** The same in every scenario that has it: `first error`. */
  readonly id: string
  /** In the third person: "fails with the very first error". */
  readonly title: string
  /** Resolves if the claim holds; rejects with what was seen instead. */
  readonly check: (style: Style) => Promise<void>
}

/** A claim about a style on the real port. */
export interface RealClause {
  readonly title: string
  readonly check: (style: Style, world: World) => Promise<void>
}

/** A scenario as the suite sees it. */
export interface Subject<I, O> {
  readonly scenario: ScenarioName
  readonly reference: Reference<I, O>
  /** The `n`th input, n >= 0: all different, so that interleaved runs can be told apart. */
  readonly input: (n: number) => I
  /** One run of it, from its start to its end: a sequence is collected. */
  readonly run: (style: Style) => Run<I, O>
  /** The answers that a call can get in a script, the ordinary one first. By default, `everyAnswer`. */
  readonly answersTo?: AnswersTo
}

/** All that is claimed of one scenario. */
export interface Suite {
  readonly scenario: ScenarioName
  /** On the scripted port and a virtual clock. */
  readonly clauses: readonly Clause[]
  /** On real Postgres and HTTP. */
  readonly realClauses: readonly RealClause[]
}
