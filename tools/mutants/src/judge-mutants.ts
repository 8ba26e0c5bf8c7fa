import fs from 'node:fs'
import path from 'node:path'
import type { StyleName } from '@overlap/workload'
import { Stryker } from '@stryker-mutator/core'
import { findTypeErrors } from './find-type-errors.ts'

/** The root of the repository, which is where Stryker looks for files. */
const root = path.resolve(import.meta.dirname, '../../..')

/** One change to a style's source, and what came of it. */
export interface Mutant {
  /** The source, by its style and its name: `promises/limit`. */
  readonly file: string
  /** `line:column-line:column`, lines from 1 and columns from 0, as Stryker takes it. */
  readonly range: string
  /** The lines that it changes, as one. What stands between the first and the last of several is left out. */
  readonly before: string
  readonly after: string
  /** The whole source with the change. */
  readonly text: string
  readonly fate: 'failed a test' | 'timed out' | 'does not compile' | 'survived'
}

type Result = Awaited<ReturnType<Stryker['runMutationTest']>>[number]

/**
 * Has Stryker make every mutant of a style's sources and put each through the style's tests, up to the first
 * that fails: those that reach the mutated code, each mutant in a thread of its own. Those that no test finds
 * out are compiled.
 *
 * @param source One source, without its ending: `limit`. With a mutant's range after a colon, that mutant alone.
 */
export async function judgeMutants(style: StyleName, source = '*'): Promise<readonly Mutant[]> {
  const [name, ...range] = source.split(':')
  process.chdir(root)
  // The same walks each time.
  process.env['SEED'] ??= '1'
  const stryker = new Stryker({
    mutate: [[`packages/${style}/src/${name}.ts`, ...range].join(':')],
    testRunner: 'vitest',
    plugins: ['@stryker-mutator/vitest-runner'],
    vitest: {
      configFile: 'tools/mutants/src/vitest.config.ts',
      dir: `packages/${style}/test`,
      related: false,
    },
    coverageAnalysis: 'perTest',
    concurrency: 2,
    // Of what the tests take without the mutant, and five seconds: two at a time are slower than one.
    timeoutFactor: 2.5,
    ignorePatterns: ['apps', 'docs', '.nx'],
    cleanTempDir: 'always',
    reporters: ['progress-append-only'],
    allowConsoleColors: false,
  })
  const mutants = (await stryker.runMutationTest()).map(toMutant)
  const survivors = mutants.filter(({ fate }) => fate === 'survived')
  const texts = survivors.map(({ file, text }) => ({ name: path.basename(file), text }))
  const wrong = new Set(
    [...findTypeErrors(root, `packages/${style}`, texts)].map((index) => survivors[index]),
  )
  return mutants.map((mutant) => (wrong.has(mutant) ? { ...mutant, fate: 'does not compile' } : mutant))
}

/** Of a result, lines and columns count from 1. */
function toMutant({ fileName, location: { start, end }, replacement, status }: Result): Mutant {
  const source = fs.readFileSync(fileName, 'utf8')
  const lines = source.split('\n')
  const changed = lines.slice(start.line - 1, end.line)
  const head = changed[0]?.slice(0, start.column - 1) ?? ''
  const tail = changed.at(-1)?.slice(end.column - 1) ?? ''
  const after = `${head}${replacement}${tail}`
  return {
    file: path.relative(path.join(root, 'packages'), fileName).replace('/src/', '/').replace(/\.ts$/, ''),
    range: `${start.line}:${start.column - 1}-${end.line}:${end.column - 1}`,
    before: inOneLine(changed.join('\n')),
    after: inOneLine(after),
    text: lines.toSpliced(start.line - 1, changed.length, after).join('\n'),
    fate: toFate(status),
  }
}

function inOneLine(text: string): string {
  const lines = text.split('\n').map((line) => line.trim())
  return lines.length > 2 ? `${lines[0]} … ${lines.at(-1)}` : lines.join(' ')
}

function toFate(status: Result['status']): Mutant['fate'] {
  if (status === 'Timeout') return 'timed out'
  // `RuntimeError`: outside of all tests, for one when the style is loaded.
  return status === 'Killed' || status === 'RuntimeError' ? 'failed a test' : 'survived'
}
