/**
 * Servers in processes of each round's own: `combine` without delays, by a bare handler and by the demo server, through each
 * style. What is to be told is a few percent, of the style and of the demo server.
 *
 * Two processes of one program can differ by 10 % for as long as they live, in what V8 has made of it and where its memory
 * lies, and no number of slices tells that from a difference of programs. So each round starts all of them anew, and a
 * figure of it is the median of their slices: what is told of many rounds holds for the program. It takes longer than all
 * other parts together.
 *
 * Source: Kalibera and Jones, Rigorous Benchmarking in Reasonable Time (ISMM 2013): repeat where the variation is.
 */
import { median, shuffle } from 'simple-statistics'
import { type Gate, type Part, type Settings, passing } from '../part.ts'
import { renderCold, renderLevel } from './server-render.ts'
import { LEVELS, listFreshServers } from './server-subjects.ts'
import { type Ground, type Slice, measureEach, warmUpAll, withServers } from './slices.ts'

export interface FreshServerFigures {
  /** In a random order within a round, whose processes are its own. */
  readonly slices: readonly Slice[]
  /** The first of each process, before it was warm. */
  readonly cold: readonly Slice[]
}

/** Of a slice: a shared machine is faster in one second than in the next, and what is compared must meet the same of both. */
const SECONDS = 0.25
/** Of each process, at each number of connections. More at 100, where the demo server is measured too. */
const SLICES: Readonly<Record<number, number>> = { 10: 4, 100: 8, 1000: 4 }

export const freshServers: Part<FreshServerFigures> = {
  name: 'fresh-servers',
  title: 'Servers in fresh processes',
  isLong: true,
  measure,
  render,
}

async function measure({ rounds, gate, tell }: Settings): Promise<FreshServerFigures> {
  const subjects = listFreshServers(passing(gate, 'combine'))
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
  for (const connections of LEVELS) {
    const count = SLICES[connections] ?? 0
    for (let slice = 0; slice < count; slice++) {
      ground.tell(`${connections} connections, slice ${slice + 1} of ${count}`)
      slices.push(...(await measureEach(ground, { connections, seconds: SECONDS, round })))
    }
  }
  return slices
}

function render({ slices, cold }: FreshServerFigures, gate: Gate): string {
  const processes = processesOf(slices)
  return [
    `The same requests as above. Each round has processes of its own, of which each has several slices at each number of connections: their median is what the round says of it, and what stands here is the median of the rounds. So an interval is that of the program, and not of one process.`,
    ...LEVELS.map((connections) => renderLevel(processes, connections, gate)),
    renderCold({ cold, slices: processes }),
  ].join('\n\n')
}

/** One slice for each process at each level: the medians of its slices. */
export function processesOf(slices: readonly Slice[]): Slice[] {
  const own = Map.groupBy(slices, ({ subject, round, connections }) =>
    [subject, round, connections].join('\n'),
  )
  return [...own.values()].flatMap((each) => {
    const [first] = each
    if (!first) return []
    const middle = (figure: 'answers' | 'perSecond' | 'cpuEach' | 'p50' | 'p90' | 'p99' | 'generatorShare') =>
      median(each.map((slice) => slice[figure]))
    return [
      {
        ...first,
        answers: middle('answers'),
        perSecond: middle('perSecond'),
        cpuEach: middle('cpuEach'),
        p50: middle('p50'),
        p90: middle('p90'),
        p99: middle('p99'),
        generatorShare: middle('generatorShare'),
      },
    ]
  })
}
