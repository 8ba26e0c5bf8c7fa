import { beforeAll, describe, expect, test } from 'vitest'
import type { Findings } from '../src/clause-table.ts'
import { suites } from '../src/judge.ts'
import { control } from '../src/wrong-styles/index.ts'
import { findingsOf } from './findings.ts'

let findings: Findings

beforeAll(async () => {
  findings = await findingsOf('real-tier.main.ts')
}, 240_000)

test('the style that all wrong ones are made of fails no clause of the real tier', () => {
  expect(findings.get(control.name)).toEqual([])
})

const claims = suites.flatMap(({ scenario, realClauses }) =>
  realClauses.map(({ title }) => `${scenario}: ${title}`),
)

describe('at least one wrong style fails', () => {
  test.for(claims)('%s', (clause) => {
    const failing = [...findings].filter(([, failed]) => failed.includes(clause))
    expect(failing.map(([name]) => name)).not.toEqual([])
  })
})
