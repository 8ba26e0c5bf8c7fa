/** One demo server for all tests of the page. */
import type { TestProject } from 'vitest/node'
import { startDemo } from './start-demo.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Its address. */
    readonly server: string
  }
}

export default async function startServer(project: TestProject): Promise<() => Promise<void>> {
  const { url, stop } = await startDemo()
  project.provide('server', url)
  return stop
}
