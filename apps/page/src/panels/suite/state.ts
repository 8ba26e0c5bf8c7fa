/** What the server tells of the suite. Types alone, for the server too. */
import type { SentVerdict } from '@overlap/conformance/fork-judge'
import type { ScenarioName } from '@overlap/workload'

export type Verdict = Omit<SentVerdict, 'scenario'>

export interface Judged {
  readonly style: string
  readonly scenario: ScenarioName
  readonly judgedAt: string
  /** These are not the sources that the server has loaded. */
  readonly changed: boolean
  readonly clauses: readonly Verdict[]
}

export interface SuiteState {
  readonly styles: readonly string[]
  readonly run: {
    readonly startedAt: string
    readonly endedAt: string | null
    readonly state: 'running' | 'finished' | 'stopped' | 'failed'
    readonly styles: readonly string[]
    readonly scenario: ScenarioName | null
    readonly judging: string | null
    readonly done: number
    readonly total: number
    readonly problems: readonly { readonly style: string; readonly message: string }[]
  } | null
  readonly judged: readonly Judged[]
}
