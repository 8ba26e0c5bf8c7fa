/** Makes what the page shows of the code, from the very files that run. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { clausePlaces, suiteFiles } from '@overlap/conformance'
import { linesOf } from '@overlap/house-rules/lines-of'
import { type ScenarioName, scenarios } from '@overlap/workload'
import { type ExhibitName, exhibitNames } from '../choice.ts'
import {
  type Clause,
  type Clauses,
  type CodeFile,
  type Exhibit,
  type Frames,
  type Part,
  type SuiteFile,
  parts,
} from '../exhibit.ts'
import { colour } from './colour.ts'
import { cut } from './cut.ts'

const root = path.resolve(import.meta.dirname, '../../../..')

/** The calls of the port, and the pure halves: what all styles have in common. */
const marked = (
  'findStock findStocks fetchReservation fetchReservationFrom openSession takeStock commit confirmOrder fetchPage ' +
  'fetchPicture resize listen readChunk writeChunk endOutput toAvailability backoffMs'
).split(' ')

export interface Exhibits {
  /** By scenario. */
  readonly scenarios: Readonly<Record<string, Exhibit>>
  readonly frames: Frames
  readonly clauses: Clauses
  /** By name: a scenario, or what several share. */
  readonly suiteFiles: Readonly<Record<string, SuiteFile>>
}

export function makeExhibits(): Exhibits {
  const perScenario = scenarios.map(({ name }): [string, Exhibit] => [
    name,
    fromStyles((style) => readFile(`packages/${style}/src/${name}.ts`, name)),
  ])
  return {
    scenarios: Object.fromEntries(perScenario),
    frames: fromStyles((style) => ({
      lift: readFile(`packages/${style}/src/backend.ts`),
      adapter: readFile(`packages/${style}/src/adapter.ts`),
    })),
    clauses: readClauses(),
    suiteFiles: Object.fromEntries([...suiteFiles].map(([name, file]) => [name, readSuiteFile(file)])),
  }
}

function readClauses(): Clauses {
  const clauses: Partial<Record<ScenarioName, Clause[]>> = {}
  for (const { scenario, ...clause } of clausePlaces()) (clauses[scenario] ??= []).push(clause)
  return clauses
}

function readSuiteFile(file: string): SuiteFile {
  const name = `packages/conformance/src/${file}`
  return { path: name, lines: colour(readFileSync(path.join(root, name), 'utf8').trimEnd()) }
}

function fromStyles<A>(make: (style: ExhibitName) => A): Record<ExhibitName, A> {
  // A cast, because the entries of a record have lost their keys.
  return Object.fromEntries(exhibitNames.map((style) => [style, make(style)])) as Record<ExhibitName, A>
}

/** `name`: what it exports, if it is to be cut there; otherwise it is all `program`. */
function readFile(file: string, name?: string): CodeFile {
  const code = readFileSync(path.join(root, file), 'utf8').trimEnd()
  const lines = colour(code, marked)
  const places = name ? cut(code, name) : [{ part: 'program' as Part, line: 0 }]
  const htmlOf = (part: Part) => {
    const index = places.findIndex((place) => place.part === part)
    const from = places[index]?.line
    if (from === undefined) return ''
    const until = places[index + 1]?.line ?? lines.length
    return toLines(lines.slice(from, until))
  }
  return {
    path: file,
    lines: linesOf(code),
    parts: Object.fromEntries(parts.map((part) => [part, htmlOf(part)])) as Record<Part, string>,
  }
}

const toLines = (lines: readonly string[]) => lines.map((line) => `<span>${line}\n</span>`).join('')
