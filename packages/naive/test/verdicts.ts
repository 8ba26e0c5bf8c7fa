import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { ScenarioName } from '@overlap/workload'

/** What the suite says of one scenario: the ids of the clauses. */
export interface Verdict {
  readonly scenario: ScenarioName
  readonly held: readonly string[]
  readonly failed: readonly string[]
}

/** Has the naive version judged, in a process of its own. In the order of the manifest. */
export async function findVerdicts(): Promise<readonly Verdict[]> {
  const main = new URL('judge.main.ts', import.meta.url).pathname
  const { stdout } = await promisify(execFile)(process.execPath, [main])
  const lines = stdout.trim().split('\n')
  return lines.map((line) => JSON.parse(line) as Verdict)
}

/** Scenario by scenario as a table in Markdown: how many clauses it holds, and which ones it fails. */
export function verdictTable(verdicts: readonly Verdict[]): string {
  const rows = verdicts.map(({ scenario, held, failed }) => {
    const source = `[\`${scenario}\`](src/${scenario}.ts)`
    return [source, `${held.length} of ${held.length + failed.length}`, failed.join(', ')]
  })
  return [['scenario', 'clauses held', 'clauses failed'], Array(3).fill('---'), ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n')
}
