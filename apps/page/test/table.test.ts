/** What the tables of the suite show, apart from any browser. */
import { readFileSync } from 'node:fs'
import { clausePlaces, suiteFiles } from '@overlap/conformance'
import { describe, expect, test } from 'vitest'
import { Verdicts, extentOf } from '../src/panels/suite/table.ts'

describe('the verdicts', () => {
  const clauses = ['result', 'abort', 'once'].map((id) => ({ id, title: id, file: 'standing', line: 1 }))
  const state = {
    styles: ['promises', 'effect'],
    run: null,
    judged: [
      {
        style: 'effect',
        scenario: 'combine' as const,
        judgedAt: '',
        changed: true,
        clauses: [
          { clause: 'result', held: true, ms: 1 },
          { clause: 'abort', held: false, ms: 1 },
          { clause: 'is there no more', held: false, ms: 1 },
        ],
      },
    ],
  }
  const verdicts = new Verdicts(state)

  test('are counted by the clauses that there are', () => {
    expect(verdicts.score('effect', 'combine', clauses)).toEqual({ held: 1, failed: 1, of: 3 })
    expect(verdicts.score('promises', 'combine', clauses)).toEqual({ held: 0, failed: 0, of: 3 })
    expect(new Verdicts(undefined).score('effect', 'combine', clauses)).toEqual({ held: 0, failed: 0, of: 3 })
  })

  test('make a row for each clause, or for each that some style fails', () => {
    const rowsOf = (onlyFailures: boolean) =>
      verdicts
        .rows(['promises', 'effect'], ['combine', 'race'], { combine: clauses }, onlyFailures)
        .map((row) => [row.scenario, row.clause.id, ...row.verdicts.map((verdict) => verdict?.held)])
    expect(rowsOf(false)).toEqual([
      ['combine', 'result', undefined, true],
      ['combine', 'abort', undefined, false],
      ['combine', 'once', undefined, undefined],
    ])
    expect(rowsOf(true)).toEqual([['combine', 'abort', undefined, false]])
  })
})

describe('the extent of a clause', () => {
  const files = new Map(
    [...suiteFiles].map(([name, file]) => {
      const url = new URL(`../../../packages/conformance/src/${file}`, import.meta.url)
      return [name, readFileSync(url, 'utf8').split('\n')]
    }),
  )

  test.for(clausePlaces())('of $scenario: $id is that of one clause', ({ file, line, title }) => {
    const lines = files.get(file) ?? []
    const { from, to } = extentOf(lines, line)
    expect(from).toBeLessThanOrEqual(line)
    expect(to).toBeGreaterThan(line)
    // It begins and ends as what surrounds it does, and no further clause begins in it.
    expect(lines[from - 1]?.search(/\S/)).toBe(lines[to - 1]?.search(/\S/))
    expect(lines[from - 1]).toMatch(/[{(]$|=> \{$/)
    expect(lines[to - 1]).toMatch(/^\s*[})]/)
    const titles = lines.slice(from - 1, to).filter((text) => /^\s*title:/.test(text))
    expect(titles.length).toBeLessThanOrEqual(1)
    expect(lines.slice(from - 1, to).join('\n')).toContain(title.slice(0, 20))
  })
})
