import type { ScenarioName, Style } from '@overlap/workload'
import { batchSuite } from './batch.suite.ts'
import type { Clause, Suite } from './clause.ts'
import { combineSuite } from './combine.suite.ts'
import { echoSuite } from './echo.suite.ts'
import { hedgeSuite } from './hedge.suite.ts'
import { latestSuite } from './latest.suite.ts'
import { limitSuite } from './limit.suite.ts'
import { raceSuite } from './race.suite.ts'
import { regulateSuite } from './regulate.suite.ts'
import { retrySuite } from './retry.suite.ts'
import { sequenceSuite } from './sequence.suite.ts'
import { shutdownSuite } from './shutdown.suite.ts'
import { streamSuite } from './stream.suite.ts'
import { subscribeSuite } from './subscribe.suite.ts'
import { thumbnailsSuite } from './thumbnails.suite.ts'
import { timeoutSuite } from './timeout.suite.ts'
import { transactionSuite } from './transaction.suite.ts'
import { withVirtualClock } from './trial.ts'

/** Every scenario's suite, in the order of the manifest. */
export const suites: readonly Suite[] = [
  sequenceSuite,
  combineSuite,
  timeoutSuite,
  retrySuite,
  raceSuite,
  hedgeSuite,
  transactionSuite,
  limitSuite,
  streamSuite,
  latestSuite,
  batchSuite,
  thumbnailsSuite,
  subscribeSuite,
  regulateSuite,
  shutdownSuite,
  echoSuite,
]

/** What came of one clause. */
export interface Verdict {
  readonly scenario: ScenarioName
  readonly clause: Clause
  /** Why the style fails it; absent when it holds. */
  readonly error?: unknown
}

/**
 * Puts a style through the clauses of the scripted and the simulated tier, one after the other, without
 * any test runner: all of them, or those that `wanted` picks.
 *
 * The timers of the process are virtual meanwhile, so nothing else may run in it.
 */
export async function* judge(
  style: Style,
  wanted: (clause: Clause, scenario: ScenarioName) => boolean = () => true,
): AsyncGenerator<Verdict> {
  for (const { scenario, clauses } of suites) {
    for (const clause of clauses) {
      if (!wanted(clause, scenario)) continue
      try {
        await withVirtualClock(() => clause.check(style))
        yield { scenario, clause }
      } catch (error) {
        yield { scenario, clause, error }
      }
    }
  }
}
