/**
 * The suite's binding to Vitest without the tier on real Postgres and HTTP, whose outcome a busy machine
 * could change. It stands in for `@overlap/conformance/vitest`.
 */
import { judge, suites } from '@overlap/conformance'
import type { Style } from '@overlap/workload'
import { describe, test } from 'vitest'

export function conformance(style: Style): void {
  for (const { scenario, clauses } of suites) {
    describe(scenario, () => {
      for (const clause of clauses) {
        test(clause.title, async () => {
          for await (const { error } of judge(style, (one) => one === clause))
            if (error !== undefined) throw error
        })
      }
    })
  }
}
