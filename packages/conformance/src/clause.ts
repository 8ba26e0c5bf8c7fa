import type { ScenarioName, Style } from '@overlap/workload'
import type { Reference } from './reference.ts'

/** One claim about a style in one scenario. Its title is the claim. */
export interface Clause {
  /** The same in every scenario that has it: `first error`. */
  readonly id: string
  /** In the third person: "fails with the very first error". */
  readonly title: string
  /** Resolves if the claim holds; rejects with what was seen instead. */
  readonly check: (style: Style) => Promise<void>
}

/** A scenario as the suite sees it. */
export interface Subject<I, O> {
  readonly scenario: ScenarioName
  readonly reference: Reference<I, O>
  /** The `n`th input, n >= 0: all different, so that interleaved runs can be told apart. */
  readonly input: (n: number) => I
}

/** All that is claimed of one scenario. */
export interface Suite {
  readonly scenario: ScenarioName
  readonly clauses: readonly Clause[]
}
