import fs from 'node:fs'
import { scenarios } from '@overlap/workload'
import { beforeAll, describe, expect, test } from 'vitest'
import { type Verdict, findVerdicts, verdictTable } from './verdicts.ts'

let verdicts: readonly Verdict[]

beforeAll(async () => {
  verdicts = await findVerdicts()
}, 120_000)

test('every scenario of the manifest has been judged', () => {
  expect(verdicts.map(({ scenario }) => scenario)).toEqual(scenarios.map(({ name }) => name))
})

describe.for(scenarios)('$name', ({ name }) => {
  const verdict = () => verdicts.find(({ scenario }) => scenario === name)

  test('is right where nothing goes wrong', () => {
    expect(verdict()?.held).toContain('result')
  })

  test('is found out by the suite', () => {
    expect(verdict()?.failed).not.toEqual([])
  })
})

test('the README says how many clauses each scenario holds, and which it fails', () => {
  const readme = fs.readFileSync(new URL('../README.md', import.meta.url), 'utf8')
  // When it does not: npm run docs.
  expect(readme).toContain(verdictTable(verdicts))
})
