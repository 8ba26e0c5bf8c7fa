/** Tells what was measured of the servers: a table for each number of connections, one for the open load, and what they were like before they were warm. */
import { toTable } from '@overlap/house-rules/markdown'
import { type StyleName, styleNames } from '@overlap/workload'
import { max, median, min, sum } from 'simple-statistics'
import { type Comparison, compare, isDifferent, show } from '../compare.ts'
import { type Gate, type Plot, failuresOf } from '../part.ts'
import type { OpenSample, ServerFigures } from './server.ts'
import { CONTROL, EMPTY, FLOOR, LEVELS, LIMIT, MIDDLE, MOST_PEOPLE, demoOf } from './server-subjects.ts'
import type { Slice } from './slices.ts'

/** How many requests per second, × floor, a style is to answer at least: at 10, 100 and 1,000 connections. */
const aims: Readonly<Record<StyleName, readonly (number | undefined)[]>> = {
  callbacks: [0.95, 0.95, 0.95],
  promises: [0.95, 0.95, 0.95],
  generators: [0.95, 0.95, 0.95],
  observables: [undefined, 0.9, 0.85],
  effect: [undefined, 0.9, 0.85],
}
/** And × most people, at each of them. */
const AIM_MOST_PEOPLE = 2.5
/** The demo server, × floor, in each style: at 100 connections. */
const AIM_DEMO = 0.9

type Figure = 'perSecond' | 'cpuEach'

const NONE: Comparison = { ratio: NaN, low: NaN, high: NaN }

/** All rows that there can be, in their order. */
const rows = [FLOOR, CONTROL, ...styleNames, ...styleNames.map(demoOf), MOST_PEOPLE, LIMIT, EMPTY]

export function renderServer(figures: ServerFigures, gate: Gate): string {
  return [
    `Requests for \`combine\` without delays, answered with the same bytes by all: \`${FLOOR}\` is a bare \`node:http\` handler that makes both calls with plain callbacks, a style's name the same handler whose calls that style makes, \`${MOST_PEOPLE}\` Fastify with \`pg.Pool\`, \`fetch\` and \`Promise.all\`, \`${LIMIT}\` raw sockets and pipelines that cannot be stopped, and \`${EMPTY}\` a server that asks nobody: what is measured of it is the measuring. The load generator, Postgres and the service share the cores with the server, so the CPU time of a request says more than how many there are in a second.`,
    `Medians of the slices; ratios are paired by round, those × floor to the mean of its two processes, and in brackets is what holds the true one. A verdict beside an aim says whether that interval lies above it.`,
    ...LEVELS.map((connections) => renderLevel(figures.slices, connections, gate)),
    renderOpen(figures.open),
    renderCold(figures),
  ].join('\n\n')
}

export function renderLevel(slices: readonly Slice[], connections: number, gate: Gate): string {
  const level = slices.filter((slice) => slice.connections === connections)
  const perSecond = (name: string) => figuresOf(level, name, 'perSecond')
  const cpu = (name: string) => figuresOf(level, name, 'cpuEach')
  const control = besideFloor(level, CONTROL, 'perSecond')
  const controlCpu = besideFloor(level, CONTROL, 'cpuEach')
  const table = rows.flatMap((name) => {
    const own = level.filter(({ subject }) => subject === name)
    if (own.length === 0) {
      const failed = failuresOf(gate, name, 'combine')
      return failed.length > 0 ? [[name, `not measured: clause ${failed.join(', ')}`]] : []
    }
    const floor = besideFloor(level, name, 'perSecond')
    const people = compareIfAny(perSecond(name), perSecond(MOST_PEOPLE))
    const cpuRatio = besideFloor(level, name, 'cpuEach')
    const middle = (figure: 'p50' | 'p90' | 'p99') => median(own.map((slice) => slice[figure])).toFixed(1)
    const share = median(own.map(({ generatorShare }) => generatorShare))
    const isBase = name === FLOOR || name === CONTROL || name === EMPTY
    return [
      [
        name,
        Math.round(median(perSecond(name))).toLocaleString('en'),
        name === FLOOR ? '1' : show(floor),
        name === MOST_PEOPLE ? '1' : people.ratio.toFixed(2),
        Math.round(median(cpu(name))).toLocaleString('en'),
        name === FLOOR ? '1' : show(cpuRatio),
        `${middle('p50')} / ${middle('p90')} / ${middle('p99')}`,
        `${Math.round(share * 100)} %`,
        isBase
          ? ''
          : [
              differs('requests/s', floor, control),
              differs('CPU', cpuRatio, controlCpu),
              ...judge(name, connections, { floor, people }),
            ].join('; '),
      ],
    ]
  })
  return `### ${connections.toLocaleString('en')} connections

${toTable([
  [
    '',
    'requests/s',
    '× floor',
    '× most people',
    'CPU µs/request',
    'CPU × floor',
    'p50 / p90 / p99 ms',
    'generator',
    'verdict',
  ],
  ...table,
])}`
}

/** The aims of a style, and what became of them. */
export function judge(
  name: string,
  connections: number,
  { floor, people }: { readonly floor: Comparison; readonly people: Comparison },
): string[] {
  if (styleNames.some((style) => demoOf(style) === name))
    return [`${AIM_DEMO} × floor: ${reach(floor, AIM_DEMO)}`]
  const style = styleNames.find((each) => each === name)
  if (!style) return []
  const aim = aims[style][LEVELS.findIndex((level) => level === connections)]
  return [
    ...(aim === undefined ? [] : [`${aim} × floor: ${reach(floor, aim)}`]),
    `${AIM_MOST_PEOPLE} × most people: ${reach(people, AIM_MOST_PEOPLE)}`,
  ]
}

function reach({ low, high }: Comparison, aim: number): string {
  if (low >= aim) return 'reached'
  return high < aim ? 'missed' : 'undecided'
}

function differs(what: string, own: Comparison, control: Comparison): string {
  if (!isDifferent(own, control)) return `${what}: no difference seen`
  return `${what}: ${own.ratio > 1 ? 'more' : 'less'}`
}

function renderOpen({ perSecond, samples }: ServerFigures['open']): string {
  const range = (own: readonly OpenSample[], figure: 'p50' | 'p90' | 'p99' | 'late99') => {
    const values = own.map((sample) => sample[figure])
    return `${median(values).toFixed(2)} (${min(values).toFixed(2)}–${max(values).toFixed(2)})`
  }
  const table = rows.flatMap((name) => {
    const own = samples.filter(({ subject }) => subject === name)
    if (own.length === 0) return []
    return [
      [
        name,
        range(own, 'p50'),
        range(own, 'p90'),
        range(own, 'p99'),
        range(own, 'late99'),
        String(sum(own.map(({ unsent }) => unsent))),
      ],
    ]
  })
  return `### ${perSecond.toLocaleString('en')} requests in a second, answered or not

Latency in ms from when the time of a request had come: half of what the slowest of these answers at ${MIDDLE} connections. Medians of few slices, and in brackets the least and the most: it takes more to tell two of them apart. "Late" is the generator's own delay, which is part of the latency; what was unsent found no idle connection among 500.

${toTable([['', 'p50', 'p90', 'p99', 'late, p99', 'unsent'], ...table])}`
}

export function renderCold({ cold, slices }: Pick<ServerFigures, 'cold' | 'slices'>): string {
  const table = rows.flatMap((name) => {
    const first = cold.filter(({ subject }) => subject === name)
    const warm = slices.filter(({ subject, connections }) => subject === name && connections === MIDDLE)
    if (first.length === 0 || warm.length === 0) return []
    const cells = (each: readonly Slice[]) => [
      Math.round(median(each.map(({ perSecond }) => perSecond))).toLocaleString('en'),
      Math.round(median(each.map(({ cpuEach }) => cpuEach))).toLocaleString('en'),
      median(each.map(({ p99 }) => p99)).toFixed(1),
    ]
    return [[name, ...cells(first), ...cells(warm)]]
  })
  return `### Cold

The first slice of a process, at ${MIDDLE} connections, beside its later ones: what a server is like that has just started.

${toTable([
  ['', 'requests/s', 'CPU µs/request', 'p99 ms', 'warm requests/s', 'warm CPU µs/request', 'warm p99 ms'],
  ...table,
])}`
}

export function plotServer({ slices }: ServerFigures): Readonly<Record<string, Plot>> {
  const shown = [CONTROL, ...styleNames, MOST_PEOPLE]
  const values = LEVELS.flatMap((connections) => {
    const level = slices.filter((slice) => slice.connections === connections)
    return shown
      .filter((subject) => level.some((slice) => slice.subject === subject))
      .map((subject) => ({ subject, connections, ...besideFloor(level, subject, 'perSecond') }))
  })
  const common = {
    x: { field: 'connections', type: 'ordinal', title: 'connections', axis: { labelAngle: 0 } },
    xOffset: { field: 'subject', sort: shown },
    color: { field: 'subject', type: 'nominal', sort: shown, title: null },
  }
  return {
    server: {
      $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
      width: 560,
      height: 260,
      data: { values },
      layer: [
        {
          mark: { type: 'rule', strokeWidth: 2 },
          encoding: {
            ...common,
            y: { field: 'low', type: 'quantitative', title: 'requests/s, × floor' },
            y2: { field: 'high' },
          },
        },
        {
          mark: { type: 'point', filled: true, size: 50 },
          encoding: { ...common, y: { field: 'ratio', type: 'quantitative' } },
        },
      ],
    },
  }
}

/**
 * A subject beside the floor at one level: beside the mean of its two processes in each round, because one of them can be 10 %
 * faster than the other for as long as they live, and would take all others for slow. The control is beside the first.
 */
export function besideFloor(level: readonly Slice[], name: string, figure: Figure): Comparison {
  const first = figuresOf(level, FLOOR, figure)
  const second = figuresOf(level, CONTROL, figure)
  const mean = first.map((one, round) => (one + (second[round] ?? one)) / 2)
  return compareIfAny(figuresOf(level, name, figure), name === CONTROL ? first : mean)
}

/** In the order of the rounds. */
function figuresOf(slices: readonly Slice[], name: string, figure: Figure): number[] {
  return slices
    .filter(({ subject }) => subject === name)
    .toSorted((a, b) => a.round - b.round)
    .map((slice) => slice[figure])
}

function compareIfAny(own: readonly number[], base: readonly number[]): Comparison {
  return own.length === 0 || base.length === 0 ? NONE : compare(own, base)
}
