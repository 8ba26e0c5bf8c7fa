/** In which file and line each clause is written, so that whoever meets its verdict can read what was asked. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import type { ClausePlace } from './fork-judge.ts'
import { suites } from './judge.ts'
import { suiteFiles } from './suite-files.ts'

/** A string that stands in a file. */
interface Literal {
  /** The file's name in `suiteFiles`. */
  readonly file: string
  /** From 1 on. */
  readonly line: number
  /** How long its text is, or those parts of a template that are not filled in. */
  readonly length: number
  /** Of all of it, whatever is filled in. */
  readonly pattern: RegExp
}

/** Of every clause of the scripted and the simulated tier, in the order in which they are judged. */
export function clausePlaces(): readonly ClausePlace[] {
  const literals = [...suiteFiles].flatMap(([name, file]) => literalsIn(name, file))
  const scenarios = suites.map(({ scenario }): string => scenario)
  return suites.flatMap(({ scenario, clauses }) => {
    // Its own, or what several share.
    const possible = literals.filter(({ file }) => file === scenario || !scenarios.includes(file))
    return clauses.map(({ id, title }) => {
      const place = possible.find((literal) => isTitle(literal, title))
      assert(place, `the clause ${scenario}: ${id} is in none of the files that are looked through`)
      return { scenario, id, title, file: place.file, line: place.line }
    })
  })
}

function literalsIn(name: string, file: string): Literal[] {
  const lines = readFileSync(new URL(file, import.meta.url), 'utf8').split('\n')
  return lines.flatMap((text, index) =>
    [...text.matchAll(/(['"`])((?:\\.|(?!\1).)+)\1/g)].map(([, , literal = '']) => {
      const parts = literal.split(/\$\{[^}]*\}/)
      const pattern = parts.map(escape).join('.+')
      return {
        file: name,
        line: index + 1,
        length: parts.join('').length,
        pattern: new RegExp(`^${pattern}$`),
      }
    }),
  )
}

/** As a pattern of nothing else. */
const escape = (text: string) => text.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`)

function isTitle({ length, pattern }: Literal, title: string): boolean {
  // A template that is hardly more than what is filled in could be anything.
  return length > title.length / 2 && pattern.test(title)
}
