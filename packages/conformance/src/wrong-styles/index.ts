/**
 * Styles that are wrong on purpose, each in one way that real programs are: the proof that the clauses
 * can fail.
 */
import type { ScenarioName, Style } from '@overlap/workload'
import { wrongBatches } from './batch.ts'
import { wrongCombines } from './combine.ts'
import { wrongEverywhere } from './everywhere.ts'
import { wrongEchoes } from './echo.ts'
import { wrongHedges } from './hedge.ts'
import { wrongRaces } from './race.ts'
import { wrongLimits } from './limit.ts'
import { wrongRegulates } from './regulate.ts'
import { wrongRetries } from './retry.ts'
import { right } from './right.ts'
import { wrongSequences } from './sequence.ts'
import { wrongShutdowns } from './shutdown.ts'
import { wrongLatests } from './latest.ts'
import { wrongStreams } from './stream.ts'
import { wrongSubscribes } from './subscribe.ts'
import { wrongThumbnails } from './thumbnails.ts'
import { wrongTimeouts } from './timeout.ts'
import { wrongTransactions } from './transaction.ts'

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
  ...wrongRaces,
  ...wrongHedges,
  ...wrongRetries,
  ...wrongLimits,
  ...wrongTransactions,
  ...wrongBatches,
  ...wrongThumbnails,
  ...wrongSubscribes,
  ...wrongRegulates,
  ...wrongShutdowns,
  ...wrongEchoes,
  ...wrongStreams,
  ...wrongLatests,
].map(({ name, fails, faults }) => ({
  style: { ...right, ...faults, name },
  fails,
  scenarios: Object.keys(faults) as ScenarioName[],
}))
