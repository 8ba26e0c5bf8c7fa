/** Servers that run beside each other, and what they are like when they are loaded for a while: one slice after the other. */
import { forkReservationService, startPostgres } from '@overlap/backend'
import { shuffle } from 'simple-statistics'
import type { Settings } from '../part.ts'
import { type Generator, startGenerator } from './generator.ts'
import type { Act } from './held-load.main.ts'
import type { Load } from './held-load.ts'
import { MIDDLE, type Subject } from './server-subjects.ts'
import { readShape } from './subjects/shape.ts'
import type { Server } from './subjects/start.ts'

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

/** All that run beside each other, and what loads them. */
export interface Ground {
  readonly subjects: readonly Running[]
  readonly generator: Generator
  readonly tell: Settings['tell']
}

/** A subject whose process runs. */
interface Running extends Subject {
  readonly server: Server
  /** When it was last loaded (`performance.now()`), if ever. */
  loadedAt?: number
}

const POOL_MAX = 20
/**
 * V8 compiles what runs once for each request in its last tier after about 10,500 of them, all of it within some hundred
 * requests: a slice in between is ten times slower, and one before takes a fifth more time than one after. Some of what it
 * took for granted turns out to be wrong soon after, and is compiled once more, after as many again.
 */
const WARM_ANSWERS = 30_000
const COLD_SECONDS = 0.25
/** Of load before each slice at that level, which is not measured: the processor's caches are full of somebody else's code. */
const LEAD_IN_SECONDS = 0.1
/**
 * For so long nobody is left without a request. The demo server closes what has been idle for 5 s, and new connections cost it
 * about 6 % of a slice; and when V8 collects the old generation while there is no socket, it may have to compile again what it
 * has compiled for sockets, and for some 10,000 requests each takes up to five times as long.
 */
const IDLE_MS = 2500
export const PATH = '/api/run/combine?sku=A-42&dbMs=0&httpMs=0'

/** Starts them beside one Postgres and one reservation service, and stops all of it once `use` has ended. */
export async function withServers<A>(
  subjects: readonly Subject[],
  tell: Settings['tell'],
  use: (ground: Ground) => Promise<A>,
): Promise<A> {
  const started: { stop(): Promise<unknown> }[] = []
  const own = <B extends { stop(): Promise<unknown> }>(one: B): B => {
    started.push(one)
    return one
  }
  try {
    const postgres = own(await startPostgres({ maxConnections: subjects.length * POOL_MAX + 20 }))
    const service = own(await forkReservationService())
    const env = {
      ...process.env,
      DATABASE_URL: postgres.url,
      UPSTREAM_URL: service.url,
      POOL_MAX: String(POOL_MAX),
    }
    const running: Running[] = []
    for (const subject of subjects) {
      tell(`starts ${subject.name}`)
      running.push({ ...subject, server: own(await subject.start(env)) })
    }
    return await use({ subjects: running, generator: own(startGenerator()), tell })
  } finally {
    for (const one of started.toReversed()) await one.stop()
  }
}

/** Warms all of them, and resolves with the first slice of each, from before. Rejects unless all answer the same bytes. */
export async function warmUpAll(ground: Ground, round: number): Promise<Slice[]> {
  const cold: Slice[] = []
  for (const subject of ground.subjects) {
    ground.tell(`cold: ${subject.name}`)
    cold.push(
      await measureSlice(subject, ground, {
        connections: MIDDLE,
        seconds: COLD_SECONDS,
        round,
        isCold: true,
      }),
    )
  }
  await compareAnswers(ground.subjects)
  for (const subject of ground.subjects) {
    ground.tell(`warms up: ${subject.name}`)
    await warmUp(subject, ground)
  }
  return cold
}

/** With all of its connections, and then until V8 has compiled all that it will. */
async function warmUp(subject: Running, ground: Ground): Promise<void> {
  await load(subject, ground, { do: 'prime', connections: Math.max(...subject.levels) })
  for (let answers = 0; answers < WARM_ANSWERS;) {
    const slice = await load(subject, ground, { do: 'run', connections: MIDDLE, seconds: 0.3 })
    answers += slice?.answers ?? 0
    await keepAwake(ground)
  }
}

/** A slice of each that is measured with so many connections, in a random order. */
export async function measureEach(ground: Ground, order: SliceOrder): Promise<Slice[]> {
  const slices: Slice[] = []
  const subjects = ground.subjects.filter(({ levels }) => levels.includes(order.connections))
  for (const subject of shuffle(subjects)) slices.push(await measureSlice(subject, ground, order))
  return slices
}

interface SliceOrder {
  readonly connections: number
  readonly seconds: number
  readonly round: number
  readonly isCold?: boolean
}

async function measureSlice(
  subject: Running,
  ground: Ground,
  { connections, seconds, round, isCold = false }: SliceOrder,
): Promise<Slice> {
  const { name, server } = subject
  await keepAwake(ground)
  await load(subject, ground, { do: isCold ? 'open' : 'prime', connections })
  if (connections === MIDDLE && !isCold)
    await load(subject, ground, { do: 'run', connections, seconds: LEAD_IN_SECONDS })
  const cpuBefore = await server.cpuTime()
  const slice = await load(subject, ground, { do: 'run', connections, seconds })
  const cpu = (await server.cpuTime()) - cpuBefore
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

/** A request over each connection of those that have been idle for long. */
async function keepAwake(ground: Ground): Promise<void> {
  for (const subject of ground.subjects)
    if (subject.loadedAt !== undefined && performance.now() - subject.loadedAt >= IDLE_MS)
      await load(subject, ground, { do: 'prime', connections: MIDDLE })
}

async function load(subject: Running, { generator }: Ground, act: Act): Promise<Load | undefined> {
  const told = await generator.ask({ ...act, url: subject.server.url + PATH })
  subject.loadedAt = performance.now()
  return told
}

async function compareAnswers(subjects: readonly Running[]): Promise<void> {
  let expected: string | undefined
  for (const { name, server } of subjects) {
    const shape = await readShape(server.url + PATH)
    expected ??= shape
    if (shape !== expected) throw new Error(`${name} answers\n${shape}\nand others\n${expected}`)
  }
}
