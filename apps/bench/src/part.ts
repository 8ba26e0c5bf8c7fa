/** What every part of the benchmark is: it measures, and what it has measured can be told again from the raw figures alone. */
import { type ScenarioName, type StyleName, styleNames } from '@overlap/workload'

export interface Part<D = unknown> {
  /** Its key in the raw figures, and its name for `--only`. */
  readonly name: string
  /** Its heading in the results. */
  readonly title: string
  /** It takes longer than all others together, and is measured when `--only` names it. */
  readonly isLong?: boolean
  /** Resolves with what the raw figures hold, as JSON: samples, and not only what was made of them. */
  measure(settings: Settings): Promise<D>
  /** Markdown, from the figures and nothing else. */
  render(figures: D, gate: Gate): string
  /** Pictures for it, by the names of their files without the ending. */
  plots?(figures: D): Readonly<Record<string, Plot>>
}

export interface Settings {
  /** How often everything is measured that is measured in rounds, 1 or more; 13 is the least that says something. */
  readonly rounds: number
  readonly gate: Gate
  /** Tells whoever waits how far it is. */
  readonly tell: (progress: string) => void
}

/** Which clauses a subject fails in a scenario, by their ids: of a style none, or nothing of it is measured. */
export type Gate = Readonly<Record<string, Readonly<Partial<Record<ScenarioName, readonly string[]>>>>>

/** What the gate has against measuring a subject in a scenario: nothing, or the ids of the clauses that it fails there. */
export function failuresOf(gate: Gate, subject: string, scenario: ScenarioName): readonly string[] {
  return gate[subject]?.[scenario] ?? []
}

/** The styles that may be measured in a scenario. */
export function passing(gate: Gate, scenario: ScenarioName): StyleName[] {
  return styleNames.filter((style) => failuresOf(gate, style, scenario).length === 0)
}

/** What the drawing library is asked to draw: a Vega-Lite specification, which is JSON. */
export type Plot = Readonly<Record<string, unknown>>
