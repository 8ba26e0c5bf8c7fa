import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { type Findings, parseFindings } from '../src/clause-table.ts'

/** Runs one of the `*.main.ts` that put wrong styles through the suite, and reads what it prints. */
export async function findingsOf(main: string): Promise<Findings> {
  const file = new URL(`../src/${main}`, import.meta.url).pathname
  const { stdout } = await promisify(execFile)(process.execPath, [file])
  return parseFindings(stdout)
}
