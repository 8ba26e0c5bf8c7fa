import { beforeAll, describe, expect, test } from 'vitest'
import { realClauses } from '../src/real-tier.ts'
import { control } from '../src/wrong-styles.ts'
import { type Findings, findingsOf } from './findings.ts'

let findings: Findings

beforeAll(async () => {
  findings = await findingsOf('real-tier.main.ts')
}, 60_000)

test('the style that all wrong ones are made of fails no clause of the real tier', () => {
  expect(findings.get(control.name)).toEqual([])
})

describe('at least one wrong style fails', () => {
  test.for(realClauses.map(({ scenario, title }) => `${scenario}: ${title}`))('%s', (clause) => {
    const failing = [...findings].filter(([, failed]) => failed.includes(clause))
    expect(failing.map(([name]) => name)).not.toEqual([])
  })
})
