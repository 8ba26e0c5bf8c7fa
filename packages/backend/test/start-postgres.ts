/** One Postgres for all test files, in which each has a database of its own: to make one takes the longest. */
import { createRequire } from 'node:module'
import type { TestProject } from 'vitest/node'

declare module 'vitest' {
  interface ProvidedContext {
    /** Of a cluster that lets us create databases. */
    readonly databaseUrl: string
  }
}

// By Node itself: where Vitest sets up, its own imports have no `import.meta.resolve`, which finds the binaries.
const { startPostgres } = createRequire(import.meta.url)(
  '../src/postgres.ts',
) as typeof import('../src/postgres.ts')

export default async function usePostgres(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const given = process.env['DATABASE_URL']
  if (given) {
    project.provide('databaseUrl', given)
    return undefined
  }
  const postgres = await startPostgres({ maxConnections: 300 })
  project.provide('databaseUrl', postgres.url)
  return () => postgres.stop()
}
