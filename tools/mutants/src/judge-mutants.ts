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
  readonly fate: 'failed a test' | 'never ended' | 'does not compile' | 'survived'
}

type Result = Awaited<ReturnType<Stryker['runMutationTest']>>[number]

/**
 * Has Stryker make every mutant of a style's sources and put each through the style's tests, up to the first
 * that fails: those that reach the mutated code, each mutant in a process of its own. Those that no test finds
 * out are compiled.
 *
 * @param source One source, without its ending: `limit`. With a mutant's range after a colon, that mutant alone.
 */
export async function judgeMutants(style: StyleName, source = '*'): Promise<readonly Mutant[]> {
  const [name, ...range] = source.split(':')
  const results = await runStryker(style, [[`packages/${style}/src/${name}.ts`, ...range].join(':')])
  if (results.length === 0)
    throw new RangeError(`file: expected a source of ${style} that can be mutated, got ${source}`)
  // The machine may have been busy with something else, or the mutant may run endlessly where Stryker counts no turns.
  const unclear = results
    .filter(isUnclear)
    .map((one) => `${path.relative(root, one.fileName)}:${rangeOf(one)}`)
  const again = unclear.length > 0 ? await runStryker(style, unclear) : []
  const clear = new Map([...results, ...again].map((one) => [keyOf(one), one]))
  const mutants = [...clear.values()].map(toMutant)

  const survivors = mutants.filter(({ fate }) => fate === 'survived')
  const texts = survivors.map(({ file, text }) => ({ name: path.basename(file), text }))
  const wrong = new Set(
    [...findTypeErrors(root, `packages/${style}`, texts)].map((index) => survivors[index]),
  )
  return mutants.map((mutant) => (wrong.has(mutant) ? { ...mutant, fate: 'does not compile' } : mutant))
}

/** @param mutate Files and ranges in them. */
async function runStryker(style: StyleName, mutate: string[]): Promise<readonly Result[]> {
  process.chdir(root)
  // The same walks each time.
  process.env['SEED'] ??= '1'
  const stryker = new Stryker({
    mutate,
    testRunner: 'vitest',
    plugins: ['@stryker-mutator/vitest-runner'],
    vitest: {
      configFile: 'tools/mutants/src/vitest.config.ts',
      dir: `packages/${style}/test`,
      related: false,
      pool: 'forks',
    },
    coverageAnalysis: 'perTest',
    concurrency: 2,
    // What never ends is mostly found by counting its turns. Time is for the rest, and a busy machine has little.
    timeoutMS: 60_000,
    // Stryker would rewrite it for its copy, with a compiler's API that this one's version has not.
    ignorePatterns: ['apps', 'docs', '.nx', 'tsconfig.json'],
    cleanTempDir: 'always',
    reporters: ['progress-append-only'],
    allowConsoleColors: false,
  })
  return stryker.runMutationTest()
}

/** Whether it was given up by the clock, and not because it has come by the mutant a hundred times too often. */
const isUnclear = ({ status, statusReason }: Result) =>
  status === 'Timeout' && !statusReason?.startsWith('Hit limit')

/** As Stryker takes it: lines from 1, columns from 0. In a result, both count from 1. */
const rangeOf = ({ location: { start, end } }: Result) =>
  `${start.line}:${start.column - 1}-${end.line}:${end.column - 1}`

const keyOf = (result: Result) => `${result.fileName}:${rangeOf(result)} ${result.replacement}`

function toMutant(result: Result): Mutant {
  const { fileName, location, replacement, status } = result
  const { start, end } = location
  const source = fs.readFileSync(fileName, 'utf8')
  const lines = source.split('\n')
  const changed = lines.slice(start.line - 1, end.line)
  const head = changed[0]?.slice(0, start.column - 1) ?? ''
  const tail = changed.at(-1)?.slice(end.column - 1) ?? ''
  const after = `${head}${replacement}${tail}`
  return {
    file: path.relative(path.join(root, 'packages'), fileName).replace('/src/', '/').replace(/\.ts$/, ''),
    range: rangeOf(result),
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
  if (status === 'Timeout') return 'never ended'
  // `RuntimeError`: outside of all tests, for one when the style is loaded.
  return status === 'Killed' || status === 'RuntimeError' ? 'failed a test' : 'survived'
}
