/** What the routes share: made once by `buildApp`, and handed to every file of `routes/`. */
import type { RealPort } from '@overlap/backend'
import type { Logger } from 'pino'
import type { Admission } from './admission.ts'
import type { Audiences } from './audiences.ts'
import type { EchoServers } from './echo-servers.ts'
import type { FaultProxies } from './faults.ts'
import type { Feed } from './feed.ts'
import type { Gates } from './gates.ts'
import type { Lanes } from './lanes.ts'
import type { Metrics } from './metrics.ts'
import type { Readiness } from './readiness.ts'
import type { Refusals } from './refusals.ts'
import type { Runs } from './runs.ts'
import type { Sources } from './sources.ts'
import type { SuiteRuns } from './suite-runs.ts'

/** What the server needs of the real port. */
export type ServerPort = Pick<RealPort, 'forRun' | 'notify' | 'check' | 'stats'>

export interface Context {
  readonly port: ServerPort
  /** That of the exhibits. */
  readonly exhibitPort: ServerPort
  readonly lanes: Lanes
  readonly runs: Runs
  readonly admission: Admission
  readonly audiences: Audiences
  readonly feed: Feed
  readonly gates: Gates
  readonly metrics: Metrics
  readonly readiness: Readiness
  readonly sources: Sources
  /** Of the suite's own files, by name. */
  readonly suiteSources: ReadonlyMap<string, string>
  readonly suite: SuiteRuns
  readonly refusals: Refusals
  readonly echo: EchoServers | undefined
  readonly log: Pick<Logger, 'error'>
  readonly faults: FaultProxies | undefined
}
