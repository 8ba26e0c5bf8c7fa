import fs from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import { type Findings, clauseTable } from '../src/clause-table.ts'
import { suites } from '../src/judge.ts'
import { control, wrongStyles } from '../src/wrong-styles/index.ts'
import { findingsOf } from './findings.ts'

let findings: Findings

beforeAll(async () => {
  findings = await findingsOf('wrong-styles.main.ts')
}, 240_000)

test('each has a name of its own', () => {
  const names = wrongStyles.map(({ style }) => style.name)
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([])
})

test('the style that all wrong ones are made of fails no clause', () => {
  expect(findings.get(control.name)).toEqual([])
})

describe('a style that', () => {
  test.for(wrongStyles)('$style.name is found out', ({ style, fails }) => {
    const ids = new Set(findings.get(style.name)?.map((failed) => failed.split(': ')[1]))
    expect(fails.filter((id) => !ids.has(id))).toEqual([])
  })
})

describe('at least one wrong style fails', () => {
  const all = suites.flatMap(({ scenario, clauses }) =>
    clauses.map(({ id, title }) => ({ clause: `${scenario}: ${id}`, title })),
  )
  test.for(all)('$clause ($title)', ({ clause }) => {
    const failing = [...findings].filter(([, failed]) => failed.includes(clause))
    expect(failing.map(([name]) => name)).not.toEqual([])
  })
})

test('docs/clauses.md says who is found out by which clause', () => {
  const document = fs.readFileSync(new URL('../../../docs/clauses.md', import.meta.url), 'utf8')
  // When it does not: npm run docs.
  expect(document).toContain(clauseTable(findings))
})
