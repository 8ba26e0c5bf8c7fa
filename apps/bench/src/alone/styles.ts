/**
 * What a style costs alone: the processor's time of one run on a port that answers as soon as it is told to. First every
 * scenario through the common contract, as the suite and the server run it; then `combine` in each style's own terms,
 * beside the libraries that people take instead.
 */
import { type ScenarioName, type StyleName, scenarios, styleNames } from '@overlap/workload'
import { median, quantile } from 'simple-statistics'
import { compare, isDifferent } from '../compare.ts'
import { failedClauses } from '../gate.ts'
import { type Gate, type Part, failuresOf, passing } from '../part.ts'
import { timeInRounds } from './alone-processes.ts'
import { aloneRuns } from './alone-runs.ts'
import { BATCH, type Slice, type Subject } from './alone.ts'
import { type NativeName, nativeNames, peers } from './native.ts'

/** The base of all ratios, and the same once more: the A/A control. */
const BASE = 'calls alone'
const CONTROL = 'calls alone, again'

/** For each subject, ns for each run in each round. */
type Rounds = Readonly<Record<string, readonly number[]>>

export interface StylesFigures {
  readonly contract: Readonly<Record<ScenarioName, { readonly calls: number; readonly ns: Rounds }>>
  readonly native: {
    readonly ns: Rounds
    /** Which clauses of `combine` the libraries fail, by their ids. */
    readonly failed: Readonly<Record<string, readonly string[]>>
  }
}

export const styles: Part<StylesFigures> = {
  name: 'styles',
  title: 'What a style costs alone',

  async measure({ rounds, gate, tell }) {
    const failed: Record<string, readonly string[]> = {}
    tell('which clauses the libraries fail')
    await Promise.all(
      Object.entries(peers).map(async ([name, module]) => {
        const { combine } = await failedClauses('adapted', new URL(module, import.meta.url).href, 'combine')
        failed[name] = combine ?? []
      }),
    )
    tell('combine, in its own terms')
    const own = nativeNames.map((native) => [native, { native }] as const)
    const native = await timeInRounds<string>(new Map([...own, [CONTROL, { native: BASE }]]), rounds)

    const contract: Partial<Record<ScenarioName, StylesFigures['contract'][ScenarioName]>> = {}
    for (const { name } of scenarios) {
      tell(name)
      contract[name] = figuresOf(name, await timeInRounds(subjectsOf(name, gate), rounds))
    }
    return {
      // A cast: all of them are there now.
      contract: contract as StylesFigures['contract'],
      native: { ns: nsOf(native), failed },
    }
  },

  render: ({ contract, native }, gate) => [renderContract(contract, gate), renderNative(native)].join('\n\n'),

  plots: ({ contract, native }) => ({
    'styles-alone': plot('scenario', 'ns for each run, through the contract', plotContract(contract)),
    'combine-alone': plot('library', 'ns for each run of combine, in its own terms', plotNative(native.ns)),
  }),
}

/** What is measured of a scenario: what the gate lets through, and what it is compared with. */
function subjectsOf(scenario: ScenarioName, gate: Gate): Map<string, Subject> {
  return new Map<string, Subject>([
    ...passing(gate, scenario).map((style) => [style, { scenario, style }] as const),
    // It is the same in all of them.
    ...(scenario === 'combine' ? [['nothing', { scenario, style: 'nothing' }] as const] : []),
    [BASE, { scenario, style: BASE }],
    [CONTROL, { scenario, style: BASE }],
  ])
}

/** Throws when one has made other calls than another: then they were not the same work. */
function figuresOf(
  scenario: ScenarioName,
  slices: ReadonlyMap<string, readonly Slice[]>,
): StylesFigures['contract'][ScenarioName] {
  const calls = slices.get(BASE)?.[0]?.calls ?? NaN
  for (const [name, own] of slices)
    for (const slice of own)
      if (name !== 'nothing' && slice.calls !== calls)
        throw new Error(`${name} makes ${slice.calls} calls in a run of ${scenario}, and not ${calls}`)
  return { calls, ns: nsOf(slices) }
}

function nsOf(slices: ReadonlyMap<string, readonly Slice[]>): Rounds {
  return Object.fromEntries([...slices].map(([name, own]) => [name, own.map(({ ns }) => ns)]))
}

function refusal(gate: Gate, style: StyleName, scenario: ScenarioName): string | undefined {
  const [clause] = failuresOf(gate, style, scenario)
  return clause === undefined ? undefined : `not measured: clause ${clause}`
}

function renderContract(contract: StylesFigures['contract'], gate: Gate): string {
  const rows = scenarios.map(({ name }) => {
    const { calls, ns } = contract[name]
    const fastest = fastestOf(ns)
    const cells = styleNames.map((style) => refusal(gate, style, name) ?? tellStyle(ns, style, fastest))
    const control = comparison(ns, CONTROL)
    return [
      `\`${name}\`: ${aloneRuns[name].is}`,
      calls,
      tellNs(ns, BASE),
      ...cells,
      `${tell(control.low)}–${tell(control.high)}`,
    ]
  })
  return `Nanoseconds of the processor for one run, all threads of the process, on a port without timers and I/O; below it the ratio to the same calls
alone, made by plain callbacks whose answers nobody looks at. ${BATCH} runs are in flight together; each has an abort controller of its own and settles a
promise, also that of the calls alone. The measuring itself, a run that calls nothing, takes ${tellNs(contract.combine.ns, 'nothing')} ns of it. Bold is the fastest
style of a row, and whoever is not seen to differ from it. "A/A" is the interval of the calls alone beside themselves, in another process.

${table(['', 'calls', BASE, ...styleNames, 'A/A'], rows)}`
}

function renderNative({ ns, failed }: StylesFigures['native']): string {
  const rows = nativeNames
    .toSorted((one, other) => middle(ns, one) - middle(ns, other))
    .map((name) => [
      name,
      tellNs(ns, name),
      tellSpread(ns[name] ?? []),
      ...(['callbacks', 'generators'] as const).map((base) => tellRatioTo(ns, name, base)),
      tellFailed(name, failed[name]),
    ])
  return `\`combine\` in its own terms, without the common contract, and the libraries that people take instead: nanoseconds of the processor for each run, the
fastest first. The clauses are those of \`combine\` that a library fails once it is adapted to the contract: what it saves by them is not saved.

${table(['', 'ns', 'p10–p90', '× callbacks', '× generators', 'clauses failed'], rows)}`
}

function tellFailed(name: NativeName, failed: readonly string[] | undefined): string {
  if (failed) return failed.length === 0 ? 'none' : `${failed.length}: ${failed.join(', ')}`
  return name === BASE ? '' : 'none: the gate'
}

function fastestOf(ns: Rounds): StyleName | undefined {
  return styleNames
    .filter((style) => ns[style])
    .toSorted((one, other) => middle(ns, one) - middle(ns, other))[0]
}

function tellStyle(ns: Rounds, style: StyleName, fastest: StyleName | undefined): string {
  const isFast =
    fastest === undefined ||
    style === fastest ||
    !isDifferent(comparison(ns, style, fastest), comparison(ns, CONTROL))
  const mark = isFast ? '**' : ''
  return `${mark}${tellNs(ns, style)}${mark}<br>${tellRatioTo(ns, style, BASE)}`
}

const comparison = (ns: Rounds, name: string, base = BASE) => compare(ns[name] ?? [], ns[base] ?? [])

const middle = (ns: Rounds, name: string) => median([...(ns[name] ?? [NaN])])

const tellNs = (ns: Rounds, name: string) => count(middle(ns, name))

const tellSpread = (own: readonly number[]) => [0.1, 0.9].map((p) => count(quantile([...own], p))).join('–')

function tellRatioTo(ns: Rounds, name: string, base: string): string {
  if (name === base) return '1'
  const found = comparison(ns, name, base)
  if (!isDifferent(found, comparison(ns, CONTROL))) return 'no difference seen'
  return `${tell(found.ratio)} (${tell(found.low)}–${tell(found.high)})`
}

/** Three significant digits, or all before the point. */
const tell = (ratio: number) => (ratio >= 10 ? count(ratio) : ratio.toPrecision(3))

const count = (value: number) => Math.round(value).toLocaleString('en')

const table = (heads: readonly string[], rows: readonly (readonly (string | number)[])[]) =>
  [heads, heads.map((_, column) => (column === 0 ? '---' : '---:')), ...rows]
    .map((row) => `| ${row.join(' | ')} |`)
    .join('\n')

interface Dot {
  readonly row: string
  readonly of: string
  readonly ns: number
  readonly low: number
  readonly high: number
}

const dot = (row: string, of: string, own: readonly number[]): Dot => ({
  row,
  of,
  ns: median([...own]),
  low: quantile([...own], 0.1),
  high: quantile([...own], 0.9),
})

const plotContract = (contract: StylesFigures['contract']): Dot[] =>
  scenarios.flatMap(({ name }) =>
    [BASE, ...styleNames].flatMap((of) => {
      const own = contract[name].ns[of]
      return own ? [dot(name, of, own)] : []
    }),
  )

const plotNative = (ns: Rounds): Dot[] =>
  nativeNames.map((name) => dot(name, name in peers ? 'library' : 'style', ns[name] ?? []))

/** Dots at the medians, and lines from p10 to p90. */
function plot(what: string, title: string, values: readonly Dot[]) {
  const y = { field: 'row', type: 'nominal', sort: null, title: what }
  const color = { field: 'of', type: 'nominal', sort: null, title: null }
  return {
    width: 640,
    data: { values },
    encoding: { y, color },
    layer: [
      {
        mark: { type: 'rule', opacity: 0.5 },
        encoding: {
          x: { field: 'low', type: 'quantitative', scale: { type: 'log' }, title },
          x2: { field: 'high' },
        },
      },
      {
        mark: { type: 'point', filled: true, size: 60 },
        encoding: { x: { field: 'ns', type: 'quantitative', scale: { type: 'log' } } },
      },
    ],
  }
}
