import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, test } from 'vitest'
import { suites } from '../src/judge.ts'
import { control, wrongStyles } from '../src/wrong-styles.ts'

/** The clauses that each style fails, as `scenario: id`. */
const failedBy = new Map<string, readonly string[]>()

beforeAll(async () => {
  const main = new URL('../src/wrong-styles.main.ts', import.meta.url).pathname
  const { stdout } = await promisify(execFile)(process.execPath, [main])
  for (const line of stdout.trim().split('\n')) {
    const { name, failed } = JSON.parse(line) as {
      name: string
      failed: { scenario: string; id: string }[]
    }
    failedBy.set(
      name,
      failed.map(({ scenario, id }) => `${scenario}: ${id}`),
    )
  }
})

test('the style that all wrong ones are made of fails no clause', () => {
  expect(failedBy.get(control.name)).toEqual([])
})

describe('a style that', () => {
  test.for(wrongStyles)('$style.name is found out', ({ style, fails }) => {
    const ids = new Set(failedBy.get(style.name)?.map((failed) => failed.split(': ')[1]))
    expect(fails.filter((id) => !ids.has(id))).toEqual([])
  })
})

describe('at least one wrong style fails', () => {
  const all = suites.flatMap(({ scenario, clauses }) =>
    clauses.map(({ id, title }) => ({ clause: `${scenario}: ${id}`, title })),
  )
  test.for(all)('$clause ($title)', ({ clause }) => {
    const failing = [...failedBy].filter(([, failed]) => failed.includes(clause))
    expect(failing.map(([name]) => name)).not.toEqual([])
  })
})
