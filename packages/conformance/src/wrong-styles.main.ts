/**
 * Puts the wrong styles through the suite in a process of its own, without a test runner, and prints
 * as JSON which clauses each of them fails: what they leave behind would be taken for the runner's.
 */
import type { Style } from '@overlap/workload'
import * as fc from 'fast-check'
import { MANY_CHUNKS } from './echo.suite.ts'
import { judge, suites } from './judge.ts'
import { MANY_IN_LINE } from './regulate.suite.ts'
import { ANSWERS_FORGOTTEN } from './shutdown.suite.ts'
import { ALONE, EQUAL_WORK, EVERY_STEP } from './standing.ts'
import { WALK } from './walk.ts'
import { control, wrongStyles } from './wrong-styles/index.ts'

// The same walks each time, so that the table of who fails what is the same.
process.env['SEED'] ??= '1'

// That a walk fails is enough to know: to shrink it takes longer than to find it, and nobody reads it.
fc.configureGlobal({ endOnFailure: true })
// To note where each error was made takes a seventh of the time, and nobody reads it.
Error.stackTraceLimit = 0

const print = (name: string, failed: readonly string[]) => console.log(JSON.stringify({ name, failed }))

const failedByControl: string[] = []
for await (const { scenario, clause, error } of judge(control)) {
  if (error !== undefined) failedByControl.push(`${scenario}: ${clause.id}`)
}
print(control.name, failedByControl)

/** What is claimed of every scenario. */
const standing = suites
  .map(({ clauses }) => clauses.map(({ id }) => id))
  .reduce((common, ids) => common.filter((id) => ids.includes(id)))

const long = [WALK, EQUAL_WORK, EVERY_STEP, ALONE, MANY_CHUNKS, MANY_IN_LINE, ANSWERS_FORGOTTEN]

for (const { style, fails, scenarios } of wrongStyles) {
  // A fault that any scenario can have is for the clauses that each of them has, and proves no other.
  const isEverywhere = scenarios.length === suites.length
  const failed: string[] = []
  // These take long where they find nothing, so only who is made to fail them is put through them.
  const verdicts = judge(
    style,
    ({ id }, scenario) =>
      scenarios.includes(scenario) &&
      (!isEverywhere || standing.includes(id)) &&
      (!long.includes(id) || fails.includes(id)),
  )
  for await (const { scenario, clause, error } of verdicts) {
    const isFound = error !== undefined || (clause.id === MANY_CHUNKS && (await failsAgain(style, clause.id)))
    if (isFound) failed.push(`${scenario}: ${clause.id}`)
  }
  print(style.name, failed)
}

/** What the styles before have left may be freed while memory is measured, and hide what is kept: then, and not again. */
async function failsAgain(style: Style, clauseId: string): Promise<boolean> {
  for await (const { error } of judge(style, ({ id }) => id === clauseId)) return error !== undefined
  return false
}
