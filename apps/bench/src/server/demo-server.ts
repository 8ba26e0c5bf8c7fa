/**
 * What the demo server costs on top: `combine` without delays through each style, at 100 connections, beside a bare handler
 * that makes both calls with plain callbacks.
 *
 * Two processes of one program can differ by 10 % for as long as they live, in what V8 has made of it and where its memory
 * lies, and no number of slices tells that from a difference of programs. So each round has processes of its own, and a
 * figure of it is the median of their slices: what is told of many rounds holds for the program. It takes longer than all
 * other parts together.
 *
 * Source: Kalibera and Jones, Rigorous Benchmarking in Reasonable Time (ISMM 2013): repeat where the variation is.
 */
import { styleNames } from '@overlap/workload'
import { toTable } from '@overlap/house-rules/markdown'
import { median, shuffle } from 'simple-statistics'
import { type Gate, type Part, type Settings, failuresOf, passing } from '../part.ts'
import { besideFloor, differs, reach, show } from './server-render.ts'
import { CONTROL, FLOOR, MIDDLE, demoOf, listDemoServers } from './server-subjects.ts'
import { type Ground, type Slice, measureSlice, warmUpAll, withServers } from './slices.ts'

export interface DemoServerFigures {
  /** In a random order within a round, whose processes are its own. */
  readonly slices: readonly Slice[]
  /** The first of each process, before it was warm. */
  readonly cold: readonly Slice[]
}

const SECONDS = 1
/** Of each process. */
const SLICES = 3
/** How many requests per second, × floor, the demo server is to answer at least, in each style. */
const AIM = 0.9

export const demoServer: Part<DemoServerFigures> = {
  name: 'demo-server',
  title: 'The demo server beside a bare handler',
  isLong: true,
  measure,
  render,
}

async function measure({ rounds, gate, tell }: Settings): Promise<DemoServerFigures> {
  const subjects = listDemoServers(passing(gate, 'combine'))
  const slices: Slice[] = []
  const cold: Slice[] = []
  for (let round = 0; round < rounds; round++) {
    const tellRound = (progress: string) => tell(`round ${round + 1} of ${rounds}, ${progress}`)
    await withServers(shuffle([...subjects]), tellRound, async (ground) => {
      cold.push(...(await warmUpAll(ground, round)))
      slices.push(...(await measureRound(ground, round)))
    })
  }
  return { slices, cold }
}

async function measureRound(ground: Ground, round: number): Promise<Slice[]> {
  const slices: Slice[] = []
  for (let slice = 0; slice < SLICES; slice++) {
    ground.tell(`slice ${slice + 1} of ${SLICES}`)
    for (const subject of shuffle([...ground.subjects]))
      slices.push(await measureSlice(subject, ground, { connections: MIDDLE, seconds: SECONDS, round }))
  }
  return slices
}

function render({ slices, cold }: DemoServerFigures, gate: Gate): string {
  const warm = processesOf(slices)
  const control = besideFloor(warm, CONTROL, 'perSecond')
  const controlCpu = besideFloor(warm, CONTROL, 'cpuEach')
  const table = [FLOOR, CONTROL, ...styleNames.map(demoOf)].map((name) => {
    const isOwn = ({ subject }: Process) => subject === name
    const own = warm.filter(isOwn)
    if (own.length === 0) {
      const style = styleNames.find((each) => demoOf(each) === name) ?? name
      return [name, `not measured: clause ${failuresOf(gate, style, 'combine').join(', ')}`]
    }
    const floor = besideFloor(warm, name, 'perSecond')
    const cpu = besideFloor(warm, name, 'cpuEach')
    return [
      name,
      whole(own, 'perSecond'),
      name === FLOOR ? '1' : show(floor),
      whole(own, 'cpuEach'),
      name === FLOOR ? '1' : show(cpu),
      (['p50', 'p90', 'p99'] as const).map((figure) => middle(own, figure).toFixed(1)).join(' / '),
      whole(cold.filter(isOwn), 'perSecond'),
      name === FLOOR || name === CONTROL
        ? ''
        : [
            differs('requests/s', floor, control),
            differs('CPU', cpu, controlCpu),
            `${AIM} × floor: ${reach(floor, AIM)}`,
          ].join('; '),
    ]
  })
  return `\`combine\` without delays at ${MIDDLE} connections, in slices of one second: \`${FLOOR}\` is a bare \`node:http\` handler that makes both calls with plain callbacks, twice (A/A). Each round has processes of its own, of which each has ${SLICES} slices; their median is what the round says of it. Medians of the rounds; ratios are paired by round, to the mean of the floor's two processes, and in brackets is what holds the true one. "Cold" is the first quarter of a second of a process.

${toTable([
  [
    '',
    'requests/s',
    '× floor',
    'CPU µs/request',
    'CPU × floor',
    'p50 / p90 / p99 ms',
    'cold requests/s',
    'verdict',
  ],
  ...table,
])}`
}

/** What is told of a process: the medians of its slices. */
type Process = Pick<Slice, 'subject' | 'round' | 'perSecond' | 'cpuEach' | 'p50' | 'p90' | 'p99'>
type Figure = Exclude<keyof Process, 'subject' | 'round'>

function processesOf(slices: readonly Slice[]): Process[] {
  const rounds = Map.groupBy(slices, ({ round }) => round)
  return [...rounds].flatMap(([round, all]) =>
    [...Map.groupBy(all, ({ subject }) => subject)].map(([subject, own]) => ({
      subject,
      round,
      perSecond: middle(own, 'perSecond'),
      cpuEach: middle(own, 'cpuEach'),
      p50: middle(own, 'p50'),
      p90: middle(own, 'p90'),
      p99: middle(own, 'p99'),
    })),
  )
}

function middle(own: readonly Process[], figure: Figure): number {
  return median(own.map((one) => one[figure]))
}

function whole(own: readonly Process[], figure: Figure): string {
  return Math.round(middle(own, figure)).toLocaleString('en')
}
