/**
 * Styles that are wrong on purpose, each in one way that real programs are: the proof that the clauses
 * can fail.
 */
import type { ScenarioName, Style } from '@overlap/workload'
import { wrongCombines } from './combine.ts'
import { wrongEverywhere } from './everywhere.ts'
import { wrongLatests } from './latest.ts'
import { right } from './right.ts'
import { wrongSequences } from './sequence.ts'
import { wrongStreams } from './stream.ts'
import { wrongTimeouts } from './timeout.ts'

/** Fails no clause. */
export const control: Style = { name: 'right', ...right }

export interface WrongStyle {
  /** Its name says what is wrong with it. */
  readonly style: Style
  /** The ids of the clauses that it is made to fail, in each scenario that it gets wrong. */
  readonly fails: readonly string[]
  /** The scenarios that it gets wrong. The others it does right. */
  readonly scenarios: readonly ScenarioName[]
}

export const wrongStyles: readonly WrongStyle[] = [
  ...wrongEverywhere,
  ...wrongSequences,
  ...wrongCombines,
  ...wrongTimeouts,
  ...wrongStreams,
  ...wrongLatests,
].map(({ name, fails, faults }) => ({
  style: { ...right, ...faults, name },
  fails,
  scenarios: Object.keys(faults) as ScenarioName[],
}))
