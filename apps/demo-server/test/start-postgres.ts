/** One Postgres for all files of a run that neither end it nor configure it: each has a database of its own in it. */
import { createRequire } from 'node:module'
import type * as backend from '@overlap/backend'
import type { TestProject } from 'vitest/node'

// By Node itself: what Vitest loads a setup with has no `import.meta.resolve`, by which the binaries are found.
const { startPostgres } = createRequire(import.meta.url)('@overlap/backend') as typeof backend

declare module 'vitest' {
  interface ProvidedContext {
    /** The URL of its first database. */
    readonly postgres: string
  }
}

export default async function startSharedPostgres(project: TestProject): Promise<() => Promise<void>> {
  // Several files run at the same time, and one of them starts many servers.
  const postgres = await startPostgres({ maxConnections: 400 })
  project.provide('postgres', postgres.url)
  return () => postgres.stop()
}
