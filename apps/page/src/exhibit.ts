/** The code that is shown: the very files that run, coloured and cut when the page is built. */
import type { ScenarioName } from '@overlap/workload'
import type { ExhibitName } from './choice.ts'

/** The parts of a file, in the order of its ideas. Side by side, each begins at the same height. */
export const parts = ['imports', 'types', 'docstring', 'program', 'helpers'] as const
export type Part = (typeof parts)[number]

export interface CodeFile {
  /** From the root of the repository. */
  readonly path: string
  /** Lines of code: without blank lines, comments and imports. */
  readonly lines: number
  /** HTML, a `span` for each line. What a file does not have is empty. */
  readonly parts: Readonly<Record<Part, string>>
}

/** A scenario in all styles. */
export type Exhibit = Readonly<Partial<Record<ExhibitName, CodeFile>>>

export interface Clause {
  readonly id: string
  readonly title: string
  /** Where it is written: a `SuiteFile`'s name. */
  readonly file: string
  /** In which of its lines, from 1 on. */
  readonly line: number
}

/** One of the files in which clauses are written. */
export interface SuiteFile {
  /** From the root of the repository. */
  readonly path: string
  /** HTML of each line. */
  readonly lines: readonly string[]
}

/** What is around the scenarios, loaded when it is asked for. */
interface Frame {
  /** How the port becomes the style's own. */
  readonly lift: CodeFile
  /** How the style's own becomes the common contract. */
  readonly adapter: CodeFile
}

export type Frames = Readonly<Partial<Record<ExhibitName, Frame>>>
export type Clauses = Readonly<Partial<Record<ScenarioName, readonly Clause[]>>>
