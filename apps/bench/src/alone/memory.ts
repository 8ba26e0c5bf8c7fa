/**
 * What a run in flight holds: bytes of heap for each of many runs that wait for their first answers, through the common
 * contract and in each style's own terms, beside the libraries that people take instead.
 */
import { type ScenarioName, scenarios, styleNames } from '@overlap/workload'
import { max, median, min } from 'simple-statistics'
import { type Part, failuresOf, passing } from '../part.ts'
import { weighAll } from './alone-processes.ts'
import { type NativeName, nativeNames } from './native.ts'

const FEW = 10_000
const MANY = 100_000

/** What the port and the contract hold by themselves. */
const BASE = 'calls alone'

export interface MemoryFigures {
  /** Bytes for each of `FEW` runs. */
  readonly contract: Readonly<Partial<Record<ScenarioName, Readonly<Record<string, number>>>>>
  /** Each weighing: bytes for each of `FEW`, and of `MANY` where there were as many. */
  readonly native: Readonly<Partial<Record<NativeName, readonly (readonly number[])[]>>>
}

export const memory: Part<MemoryFigures> = {
  name: 'memory',
  title: 'What a run in flight holds',

  async measure({ gate, tell }) {
    const contract: Partial<Record<ScenarioName, Record<string, number>>> = {}
    const native: Partial<Record<NativeName, number[][]>> = {}
    const ownTerms = nativeNames.flatMap((name) =>
      // Of effection, 100,000 would hold some GB.
      [name === 'effection' ? [FEW] : [FEW, MANY], [FEW]].map(
        (counts) => ({ subject: { native: name }, counts }) as const,
      ),
    )
    await weighAll(ownTerms, ({ native: name }, bytes) => {
      tell(`combine, ${name}`)
      ;(native[name] ??= []).push([...bytes])
    })
    const contracts = scenarios.flatMap(({ name: scenario }) =>
      ([BASE, ...passing(gate, scenario)] as const).map(
        (style) => ({ subject: { scenario, style }, counts: [FEW] }) as const,
      ),
    )
    await weighAll(contracts, ({ scenario, style }, [bytes = NaN]) => {
      tell(`${scenario}, ${style}`)
      ;(contract[scenario] ??= {})[style] = bytes
    })
    return { contract, native }
  },

  render: ({ contract, native }, gate) => {
    const ownTerms = nativeNames
      .map((name) => ({ name, weighings: native[name] ?? [] }))
      .toSorted((one, other) => middle(one.weighings) - middle(other.weighings))
      .map(({ name, weighings }) => {
        const few = weighings.map(([bytes = NaN]) => bytes)
        const many = weighings.flatMap(([, bytes]) => bytes ?? [])
        const spread = `${count(min(few))}–${count(max(few))}`
        return [name, count(median(few)), spread, many.length > 0 ? count(median(many)) : '']
      })
    const inContract = scenarios.map(({ name }) => [
      `\`${name}\``,
      ...[BASE, ...styleNames].map((style) => {
        const [refused] = failuresOf(gate, style, name)
        return refused === undefined
          ? count(contract[name]?.[style] ?? NaN)
          : `not measured: clause ${refused}`
      }),
    ])
    const [few, many] = [FEW, MANY].map(count)
    return `Bytes of heap for each run of \`combine\` in flight, in its own terms: with ${few} runs, the median and the least and most of several
weighings, and with ${many}. The garbage has been collected before each. "${BASE}" is what the port itself keeps.

${table(['', few ?? '', 'least–most', many ?? ''], ownTerms)}

The same for every scenario through the common contract, with ${few} runs, each with an abort controller of its own. "${BASE}" holds that controller, the
contract's promise and the run's first calls, and no style. What one run is stands in the table of times; here it waits for its first answers.

${table(['', BASE, ...styleNames], inContract)}`
  },
}

const middle = (weighings: readonly (readonly number[])[]) => median(weighings.map(([bytes = NaN]) => bytes))

const count = (value: number) => Math.round(value).toLocaleString('en')

const table = (heads: readonly string[], rows: readonly (readonly string[])[]) =>
  [heads, heads.map((_, column) => (column === 0 ? '---' : '---:')), ...rows]
    .map((row) => `| ${row.join(' | ')} |`)
    .join('\n')
