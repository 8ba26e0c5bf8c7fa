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
  /** The text, or those parts of a template that are not filled in. */
  readonly parts: readonly string[]
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
    [...text.matchAll(/(['"`])((?:\\.|(?!\1).)+)\1/g)].map(([, , literal = '']) => ({
      file: name,
      line: index + 1,
      parts: literal.split(/\$\{[^}]*\}/),
    })),
  )
}

function isTitle({ parts }: Literal, title: string): boolean {
  const pattern = parts.map((part) => part.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`)).join('.+')
  // A template that is hardly more than what is filled in could be anything.
  return new RegExp(`^${pattern}$`).test(title) && parts.join('').length > title.length / 2
}
