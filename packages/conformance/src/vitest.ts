/** The binding to Vitest: the only file of the suite that knows a test runner. */
import type { Style } from '@overlap/workload'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { suites } from './judge.ts'
import { withVirtualClock } from './trial.ts'
import { type World, openWorld } from './world.ts'

/**
 * Registers every clause of every scenario as a test of one style: on the scripted port, and on real
 * Postgres and HTTP. The Postgres is that of `DATABASE_URL`, or else one of our own.
 */
export function conformance(style: Style): void {
  describe(style.name, () => {
    for (const { scenario, clauses } of suites) {
      describe(scenario, () => {
        for (const { title, check } of clauses)
          test(title, () => withVirtualClock(() => check(style)), 30_000)
      })
    }
    describe('on real Postgres and HTTP', () => {
      let world: World
      beforeAll(async () => {
        world = await openWorld(process.env['DATABASE_URL'])
      }, 30_000)
      afterAll(() => world.close())
      for (const { scenario, realClauses } of suites) {
        describe(scenario, () => {
          for (const { title, check } of realClauses) test(title, () => check(style, world), 30_000)
        })
      }
    })
  })
}
