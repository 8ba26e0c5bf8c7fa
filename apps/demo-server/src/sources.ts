/**
 * The text of every scenario in every style, and of every suite, read once at start-up from the very packages that run.
 *
 * What can be asked for is what stands in the table: no path is ever made from a request.
 */
import { readFileSync } from 'node:fs'
import { suiteFiles } from '@overlap/conformance/fork-judge'
import { scenarios } from '@overlap/workload'

/** By style, then by scenario. */
export type Sources = ReadonlyMap<string, ReadonlyMap<string, string>>

export function readSources(styles: readonly string[]): Sources {
  return new Map(styles.map((style) => [style, readStyle(style)]))
}

/** Where the clauses are written, by the names in the suite's own table. */
export function readSuiteSources(): ReadonlyMap<string, string> {
  const index = import.meta.resolve('@overlap/conformance')
  return new Map([...suiteFiles].map(([name, file]) => [name, readFileSync(new URL(file, index), 'utf8')]))
}

function readStyle(style: string): ReadonlyMap<string, string> {
  const index = import.meta.resolve(`@overlap/${style}`)
  return new Map(scenarios.map(({ name }) => [name, readFileSync(new URL(`./${name}.ts`, index), 'utf8')]))
}
