/**
 * What a run in flight holds: bytes of heap for each of many runs that wait for their first answers, through the common
 * contract and in each style's own terms, beside the libraries that people take instead.
 */
import { type ScenarioName, scenarios, styleNames } from '@overlap/workload'
import { median } from 'simple-statistics'
import { weighAll } from './alone-processes.ts'
import type { Subject } from './alone.ts'
import { type NativeName, nativeNames } from './native.ts'
import type { Part } from './part.ts'

const COUNTS = [10_000, 100_000] as const

/** Bytes for each run, in each weighing: as many as in `COUNTS`. */
type Weighings = readonly (readonly number[])[]

export interface MemoryFigures {
  readonly counts: readonly number[]
  readonly contract: Readonly<Partial<Record<ScenarioName, Readonly<Record<string, Weighings>>>>>
  readonly native: Readonly<Partial<Record<NativeName, Weighings>>>
}

export const memory: Part<MemoryFigures> = {
  name: 'memory',
  title: 'What a run in flight holds',

  async measure({ gate, tell }) {
    const contract: Partial<Record<ScenarioName, Record<string, number[][]>>> = {}
    const native: Partial<Record<NativeName, number[][]>> = {}
    const inContract = scenarios.flatMap(({ name: scenario }) => [
      { scenario, style: 'calls alone' } as const,
      ...styleNames
        .filter((style) => (gate[style]?.[scenario] ?? []).length === 0)
        .map((style) => ({ scenario, style })),
    ])
    const inOwnTerms = nativeNames.map((name) => ({ native: name }))
    await weighAll([...inOwnTerms, ...inOwnTerms, ...inOwnTerms, ...inContract], COUNTS, (subject: Subject, bytes) => {
      if ('native' in subject) {
        tell(`combine, ${subject.native}`)
        ;(native[subject.native] ??= []).push([...bytes])
      } else {
        const { scenario, style } = subject
        tell(`${scenario}, ${style}`)
        ;((contract[scenario] ??= {})[style] ??= []).push([...bytes])
      }
    })
    return { counts: COUNTS, contract, native }
  },

  render: ({ counts, contract, native }, gate) => `Bytes of heap for each run in flight, all of which wait for their first answers.

${JSON.stringify({ counts, gate })}
${Object.entries(contract).map(([n, w]) => n + JSON.stringify(Object.entries(w).map(([s, v]) => s + ' ' + v.map((x) => x.map((y) => Math.round(y))).join('; ')))).join('\n')}
${Object.entries(native).map(([n, w]) => n + ' ' + w.map((x) => x.map((y) => Math.round(y))).join('; ')).join('\n')}
${median([1])}
`,
}
