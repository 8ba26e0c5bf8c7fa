/**
 * Puts the naive version through the suite in a process of its own, as what it leaves behind would be taken for a
 * test runner's, and prints as JSON which clauses it holds and which it fails, one scenario in each line.
 */
import { judge } from '@overlap/conformance'
import { naive } from '@overlap/naive'

// The same walks each time, so that the table is the same.
process.env['SEED'] ??= '1'
Error.stackTraceLimit = 0

const verdicts = new Map<string, { held: string[]; failed: string[] }>()
for await (const { scenario, clause, error } of judge(naive)) {
  const ids = verdicts.get(scenario) ?? { held: [], failed: [] }
  verdicts.set(scenario, ids)
  ids[error === undefined ? 'held' : 'failed'].push(clause.id)
}
for (const [scenario, ids] of verdicts) console.log(JSON.stringify({ scenario, ...ids }))
