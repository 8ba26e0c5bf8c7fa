/** One demo server for all tests of the page that change nothing on it. */
import type { TestProject } from 'vitest/node'
import { launchServer } from './launch-server.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Its address. */
    readonly server: string
  }
}

export default async function startServer(project: TestProject): Promise<() => Promise<void>> {
  const server = await launchServer()
  project.provide('server', server.url)
  return () => server.stop()
}
