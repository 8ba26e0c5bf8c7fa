/**
 * The server under load: requests per second, CPU time for each and latency of `combine` without delays, at 10, 100 and 1,000
 * connections, of each style and of what people would take instead.
 *
 * Every subject answers the same bytes, from real Postgres and the real reservation service. All of their processes run from
 * the start, and are warm; at each level there are rounds, in which each subject has a slice of load, in a random order. Two
 * processes of one program can differ by 10 % for as long as they live, and the floor, which is two subjects (A/A), tells
 * by how much they do.
 */
import { forkReservationService, startPostgres } from '@overlap/backend'
import { runLoad } from '@overlap/load'
import { styleNames } from '@overlap/workload'
import { median, shuffle } from 'simple-statistics'
import { type Part, type Settings, failuresOf } from '../part.ts'
import { type Generator, startGenerator } from './generator.ts'
import type { Act } from './held-load.main.ts'
import type { Load } from './held-load.ts'
import { plotServer, renderServer } from './server-render.ts'
import { LEVELS, MIDDLE, type Subject, listSubjects } from './server-subjects.ts'
import { readShape } from './subjects/shape.ts'
import type { Server } from './subjects/start.ts'

export interface ServerFigures {
  /** In a random order, round by round, at one level after the other. */
  readonly slices: readonly Slice[]
  /** The first of each process, before it was warm. */
  readonly cold: readonly Slice[]
  readonly open: { readonly perSecond: number; readonly samples: readonly OpenSample[] }
}

/** One slice of a closed load: each connection waits for its answers. An error in any of them ends the benchmark. */
export interface Slice {
  readonly subject: string
  readonly connections: number
  readonly round: number
  readonly answers: number
  readonly perSecond: number
  /** CPU time of the server for each request, in µs. */
  readonly cpuEach: number
  /** Latency in ms. */
  readonly p50: number
  readonly p90: number
  readonly p99: number
  /** Of one core, that the load generator has used meanwhile. */
  readonly generatorShare: number
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

const POOL_MAX = 20
/** Of a slice. With a thousand connections, another request of each is answered after that. */
const SECONDS: Readonly<Record<number, number>> = { 10: 0.15, 100: 0.25, 1000: 0.2 }
/**
 * V8 compiles what runs once for each request in its last tier after about 10,500 of them, all of it within some hundred
 * requests: a slice in between is ten times slower, and one before takes a fifth more time than one after. Some of what it
 * took for granted turns out to be wrong soon after, and is compiled once more, after as many again.
 */
const WARM_ANSWERS = 30_000
/** Of load before each slice at that level, which is not measured: the processor's caches are full of somebody else's code. */
const LEAD_IN_SECONDS = 0.1
/**
 * For so long nobody is left without a request. The demo server closes what has been idle for 5 s, and new connections cost it
 * about 6 % of a slice; and when V8 collects the old generation while there is no socket, it may have to compile again what it
 * has compiled for sockets, and for some 10,000 requests each takes up to five times as long.
 */
const IDLE_MS = 2500
const OPEN_ROUNDS = 3
const OPEN_SECONDS = 0.5
/** More than there are requests in the time for which a machine may stall. */
const OPEN_CONNECTIONS = 500
const PATH = '/api/run/combine?sku=A-42&dbMs=0&httpMs=0'

export const server: Part<ServerFigures> = {
  name: 'server',
  title: 'The server under load',
  measure,
  render: renderServer,
  plots: plotServer,
}

/** A subject whose process runs. */
interface Running extends Subject {
  readonly server: Server
  /** When it was last loaded (`performance.now()`), if ever. */
  loadedAt?: number
}

async function measure({ rounds, gate, tell }: Settings): Promise<ServerFigures> {
  const started: { stop(): Promise<unknown> }[] = []
  const own = <A extends { stop(): Promise<unknown> }>(one: A): A => {
    started.push(one)
    return one
  }
  try {
    const styles = styleNames.filter((style) => failuresOf(gate, style, 'combine').length === 0)
    // Two for each style, and those that are of none.
    const maxConnections = (2 * styles.length + 5) * POOL_MAX + 20
    const postgres = own(await startPostgres({ maxConnections }))
    const service = own(await forkReservationService())
    const subjects: Running[] = []
    for (const subject of listSubjects(styles, {
      ...process.env,
      DATABASE_URL: postgres.url,
      UPSTREAM_URL: service.url,
      POOL_MAX: String(POOL_MAX),
    })) {
      tell(`starts ${subject.name}`)
      subjects.push({ ...subject, server: own(await subject.start()) })
    }
    return await measureAll({ rounds, tell, subjects, generator: own(startGenerator()) })
  } finally {
    for (const one of started.toReversed()) await one.stop()
  }
}

interface Ground extends Pick<Settings, 'rounds' | 'tell'> {
  readonly subjects: readonly Running[]
  readonly generator: Generator
}

async function measureAll({ rounds, tell, subjects, generator }: Ground): Promise<ServerFigures> {
  const cold: Slice[] = []
  for (const subject of subjects) {
    tell(`cold: ${subject.name}`)
    await keepAwake(subjects, generator)
    cold.push(await measureSlice(subject, generator, { connections: MIDDLE, round: 0, isCold: true }))
  }
  await compareAnswers(subjects)

  for (const subject of subjects) {
    tell(`warms up: ${subject.name}`)
    await warmUp(subject, subjects, generator)
  }

  const slices: Slice[] = []
  // One level after the other: whoever had slices at several in a round would be idle for less time before each than who has one.
  for (const connections of [MIDDLE, ...LEVELS.filter((level) => level !== MIDDLE)]) {
    const those = subjects.filter(({ levels }) => levels.includes(connections))
    for (let round = 0; round < rounds; round++) {
      tell(`${connections} connections, round ${round + 1} of ${rounds}`)
      for (const subject of shuffle([...those])) {
        await keepAwake(those, generator)
        slices.push(await measureSlice(subject, generator, { connections, round }))
      }
    }
  }
  return { slices, cold, open: await measureOpen(subjects, slices, tell) }
}

/** With all of its connections, and then until V8 has compiled all that it will. */
async function warmUp(subject: Running, all: readonly Running[], generator: Generator): Promise<void> {
  await load(subject, generator, { do: 'prime', connections: Math.max(...subject.levels) })
  for (let answers = 0; answers < WARM_ANSWERS;) {
    const slice = await load(subject, generator, { do: 'run', connections: MIDDLE, seconds: 0.3 })
    answers += slice?.answers ?? 0
    await keepAwake(all, generator)
  }
}

/** A request over each connection of those that have been idle for long. */
async function keepAwake(subjects: readonly Running[], generator: Generator): Promise<void> {
  for (const subject of subjects)
    if (subject.loadedAt !== undefined && performance.now() - subject.loadedAt >= IDLE_MS)
      await load(subject, generator, { do: 'prime', connections: MIDDLE })
}

async function load(subject: Running, generator: Generator, act: Act): Promise<Load | undefined> {
  const told = await generator.ask({ ...act, url: subject.server.url + PATH })
  subject.loadedAt = performance.now()
  return told
}

interface SliceOrder {
  readonly connections: number
  readonly round: number
  readonly isCold?: boolean
}

async function measureSlice(
  subject: Running,
  generator: Generator,
  { connections, round, isCold = false }: SliceOrder,
): Promise<Slice> {
  const { name, server: its } = subject
  await load(subject, generator, { do: isCold ? 'open' : 'prime', connections })
  if (connections === MIDDLE && !isCold)
    await load(subject, generator, { do: 'run', connections, seconds: LEAD_IN_SECONDS })
  const cpuBefore = await its.cpuTime()
  const seconds = SECONDS[connections] ?? 0
  const slice = await load(subject, generator, { do: 'run', connections, seconds })
  const cpu = (await its.cpuTime()) - cpuBefore
  if (!slice) throw new Error('the load generator told nothing')
  const { answers, ms, p50, p90, p99, generatorMs } = slice
  return {
    subject: name,
    connections,
    round,
    answers,
    perSecond: (answers / ms) * 1000,
    cpuEach: cpu / answers,
    p50,
    p90,
    p99,
    generatorShare: generatorMs / ms,
  }
}

/** Throws unless all of them answer the same bytes. */
async function compareAnswers(subjects: readonly Running[]): Promise<void> {
  let expected: string | undefined
  for (const { name, server: its } of subjects) {
    const shape = await readShape(its.url + PATH)
    expected ??= shape
    if (shape !== expected) throw new Error(`${name} answers\n${shape}\nand others\n${expected}`)
  }
}

/** At half of what the slowest of them can answer. */
async function measureOpen(
  all: readonly Running[],
  slices: readonly Slice[],
  tell: Settings['tell'],
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
