/**
 * The server under load: requests per second, CPU time for each and latency of `combine` without delays, at 10, 100 and 1,000
 * connections, of each style and of what people would take instead.
 *
 * Every subject answers the same bytes, from real Postgres and the real reservation service. All of their processes run from
 * the start, and are warm; at each level there are rounds, in which each subject has a slice of load, in a random order. Two
 * processes of one program can differ by 10 % for as long as they live, and the floor, which is two subjects (A/A), tells
 * by how much they do.
 */
import { runLoad } from '@overlap/load'
import { median, shuffle } from 'simple-statistics'
import { type Part, type Settings, passing } from '../part.ts'
import { plotServer, renderServer } from './server-render.ts'
import { LEVELS, MIDDLE, listServers } from './server-subjects.ts'
import { type Ground, PATH, type Slice, measureEach, warmUpAll, withServers } from './slices.ts'

export interface ServerFigures {
  /** In a random order, round by round, at one level after the other. */
  readonly slices: readonly Slice[]
  /** The first of each process, before it was warm. */
  readonly cold: readonly Slice[]
  readonly open: { readonly perSecond: number; readonly samples: readonly OpenSample[] }
}

/** One slice of an open load: latency in ms, from when the time of a request had come. */
export interface OpenSample {
  readonly subject: string
  readonly round: number
  readonly p50: number
  readonly p90: number
  readonly p99: number
  /** The 99th percentile of how late the generator was with sending, in ms. */
  readonly late99: number
  /** Requests that were not sent, because all connections waited for answers. */
  readonly unsent: number
}

/** Of a slice. With a thousand connections, another request of each is answered after that. */
const SECONDS: Readonly<Record<number, number>> = { 10: 0.15, 100: 0.25, 1000: 0.2 }
const OPEN_ROUNDS = 3
const OPEN_SECONDS = 0.5
/** More than there are requests in the time for which a machine may stall. */
const OPEN_CONNECTIONS = 500

export const server: Part<ServerFigures> = {
  name: 'server',
  title: 'The server under load',
  measure,
  render: renderServer,
  plots: plotServer,
}

async function measure({ rounds, gate, tell }: Settings): Promise<ServerFigures> {
  return withServers(listServers(passing(gate, 'combine')), tell, (ground) => measureAll(ground, rounds))
}

async function measureAll(ground: Ground, rounds: number): Promise<ServerFigures> {
  const { tell } = ground
  const cold = await warmUpAll(ground, 0)
  const slices: Slice[] = []
  // One level after the other: whoever had slices at several in a round would be idle for less time before each than who has one.
  for (const connections of [MIDDLE, ...LEVELS.filter((level) => level !== MIDDLE)])
    for (let round = 0; round < rounds; round++) {
      tell(`${connections} connections, round ${round + 1} of ${rounds}`)
      slices.push(...(await measureEach(ground, { connections, seconds: SECONDS[connections] ?? 0, round })))
    }
  return { slices, cold, open: await measureOpen(ground, slices) }
}

/** At half of what the slowest of them can answer. */
async function measureOpen(
  { subjects: all, tell }: Ground,
  slices: readonly Slice[],
): Promise<ServerFigures['open']> {
  const subjects = all.filter(({ open }) => open)
  const peaks = subjects.map(({ name }) =>
    median(
      slices
        .filter(({ subject, connections }) => subject === name && connections === MIDDLE)
        .map(({ perSecond }) => perSecond),
    ),
  )
  const perSecond = Math.round(Math.min(...peaks) / 2)
  const samples: OpenSample[] = []
  for (let round = 0; round < OPEN_ROUNDS; round++) {
    tell(`open load: round ${round + 1} of ${OPEN_ROUNDS}`)
    for (const { name, server: its } of shuffle([...subjects])) {
      const [{ answers, failed, unsent, lateMs }] = await runLoad({
        urls: [its.url + PATH],
        connections: OPEN_CONNECTIONS,
        until: { seconds: OPEN_SECONDS },
        perSecond,
        warmUpMs: 200,
      })
      const [answered, ...others] = answers
      if (failed + others.length > 0 || answered?.status !== 200 || !lateMs)
        throw new Error(
          `${name}: ${failed} failed, answered with ${answers.map(({ status }) => status).join()}`,
        )
      const { p50, p90, p99 } = answered.ms
      samples.push({ subject: name, round, p50, p90, p99, late99: lateMs.p99, unsent })
    }
  }
  return { perSecond, samples }
}
