/** What the tables show, from what the server has told. Pure. */
import type { ScenarioName } from '@overlap/workload'
import type { Clause, Clauses } from '../../exhibit.ts'
import type { Judged, SuiteState, Verdict } from './state.ts'

/** How a scenario did in a style. */
export interface Score {
  readonly held: number
  readonly failed: number
  /** How many clauses there are; the rest has not been judged. */
  readonly of: number
}

export interface Row {
  readonly scenario: ScenarioName
  readonly clause: Clause
  /** In the order of the styles. */
  readonly verdicts: readonly (Verdict | undefined)[]
}

/** The verdicts, to be looked up. */
export class Verdicts {
  readonly #judged: ReadonlyMap<string, Judged>

  constructor(state: SuiteState | undefined) {
    this.#judged = new Map(state?.judged.map((judged) => [`${judged.style} ${judged.scenario}`, judged]))
  }

  judged(style: string, scenario: ScenarioName): Judged | undefined {
    return this.#judged.get(`${style} ${scenario}`)
  }

  verdict(style: string, scenario: ScenarioName, clause: string): Verdict | undefined {
    return this.judged(style, scenario)?.clauses.find((one) => one.clause === clause)
  }

  /** Only clauses that there are now count: the suite may have changed since. */
  score(style: string, scenario: ScenarioName, clauses: readonly Clause[]): Score {
    const verdicts = clauses
      .map(({ id }) => this.verdict(style, scenario, id))
      .filter((verdict) => verdict !== undefined)
    const held = verdicts.filter((verdict) => verdict.held).length
    return { held, failed: verdicts.length - held, of: clauses.length }
  }

  /** `onlyFailures`: those that some style fails. */
  rows(
    styles: readonly string[],
    scenarios: readonly ScenarioName[],
    clauses: Clauses,
    onlyFailures: boolean,
  ): Row[] {
    return scenarios
      .flatMap((scenario) =>
        (clauses[scenario] ?? []).map((clause) => ({
          scenario,
          clause,
          verdicts: styles.map((style) => this.verdict(style, scenario, clause.id)),
        })),
      )
      .filter(({ verdicts }) => !onlyFailures || verdicts.some((verdict) => verdict?.held === false))
  }
}

/**
 * The first and the last line of what a clause is made of, from 1 on: from where its object or its call begins to
 * where that ends, as the indentation tells. `line`: where its title is.
 */
export function extentOf(
  lines: readonly string[],
  line: number,
): { readonly from: number; readonly to: number } {
  const indentOf = (index: number) => lines[index]?.search(/\S/) ?? -1
  let first = line - 1
  // A title that is too long for the line of its name stands below it.
  if (/^\s*title:$/.test(lines[first - 1] ?? '')) first--
  if (/^\s*(title:|['"`])/.test(lines[first] ?? '')) {
    const inside = indentOf(first)
    while (first > 0 && (indentOf(first) >= inside || indentOf(first) === -1)) first--
  }
  const outside = indentOf(first)
  let last = first + 1
  while (last < lines.length - 1 && (indentOf(last) > outside || indentOf(last) === -1)) last++
  return { from: first + 1, to: last + 1 }
}
