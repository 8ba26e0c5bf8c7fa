/**
 * Puts the wrong styles through the suite in a process of its own, without a test runner, and prints
 * as JSON which clauses each of them fails: what they leave behind would be taken for the runner's.
 */
import { judge } from './judge.ts'
import { control, wrongStyles } from './wrong-styles.ts'

for (const style of [control, ...wrongStyles.map((wrong) => wrong.style)]) {
  const failed: string[] = []
  for await (const { scenario, clause, error } of judge(style)) {
    if (error === undefined) continue
    failed.push(`${scenario}: ${clause.id}`)
  }
  console.log(JSON.stringify({ name: style.name, failed }))
}
