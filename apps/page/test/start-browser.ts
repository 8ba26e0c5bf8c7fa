/** One browser for all tests of the page: each opens its pages in a context of its own. */
import type { TestProject } from 'vitest/node'
import { launchShared } from './launch.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Where to connect to it. */
    readonly browser: string
  }
}

export default async function startBrowser(project: TestProject): Promise<() => Promise<void>> {
  const browser = await launchShared()
  project.provide('browser', browser.wsEndpoint())
  return () => browser.close()
}
