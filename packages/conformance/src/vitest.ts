/** The binding to Vitest: the only file of the suite that knows a test runner. */
import type { Style } from '@overlap/workload'
import { describe, test } from 'vitest'
import { suites } from './judge.ts'

/** Registers every clause of every scenario as a test of one style. */
export function conformance(style: Style): void {
  describe(style.name, () => {
    for (const { scenario, clauses } of suites) {
      describe(scenario, () => {
        for (const { title, check } of clauses) test(title, () => check(style))
      })
    }
  })
}
