/** Subjects in processes of their own, of which one measures at a time. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { shuffle } from 'simple-statistics'
import type { Slice, Subject } from './alone.ts'

/** What a process is told. */
export type Order = { readonly sliceMs: number } | { readonly weigh: readonly number[] }
/** What it answers. */
export type Report =
  | { readonly slice: Slice; readonly bytes?: never }
  | { readonly bytes: number[]; readonly slice?: never }

/** As many can be started, or weighed, at the same time. */
const PROCESSES = 2
/** Of the processor's time, as all here. */
const SLICE_MS = 15
/** One after the other, until so many in a row were no faster, by a twentieth, than the fastest before them. */
const WARM_UP_MS = 100
const NO_FASTER = 4
const WARM_UPS = 30

/** What Node has compiled for one process, types gone, is there for the next: there are some hundred. */
const env = {
  ...process.env,
  NODE_COMPILE_CACHE: fileURLToPath(
    new URL('../../../../node_modules/.cache/overlap/compiled', import.meta.url),
  ),
}

/** A process that measures a subject. */
interface Measurer {
  readonly tell: (order: Order) => Promise<Report>
  readonly stop: () => Promise<void>
}

/** Rejects when the subject cannot be loaded. */
async function start(subject: Subject, execArgv: readonly string[] = []): Promise<Measurer> {
  const main = fileURLToPath(new URL('alone.main.ts', import.meta.url))
  const child = fork(main, [JSON.stringify(subject)], { execArgv: [...execArgv], env })
  const answer = () => hear(child, subject)
  const measurer: Measurer = {
    async tell(order) {
      child.send(order)
      // A cast: it answers nothing else.
      return (await answer()) as Report
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
  try {
    await answer()
    return measurer
  } catch (error) {
    await measurer.stop()
    throw error
  }
}

/** The next message. Rejects when there will be none. */
async function hear(child: ChildProcess, subject: Subject): Promise<unknown> {
  const over = new AbortController()
  const { signal } = over
  try {
    const [message] = (await Promise.race([
      once(child, 'message', { signal }),
      once(child, 'exit', { signal }).then(([code]) => {
        throw new Error(`the process of ${JSON.stringify(subject)} has ended with code ${code}`)
      }),
    ])) as [unknown]
    return message
  } finally {
    over.abort()
  }
}

/**
 * Times subjects in rounds: in each of them, every one for a slice, in random order. All are there and warm before the
 * first. Resolves with the slices of each, by its name. However it ends, no process is left.
 */
export async function timeInRounds<Name extends string>(
  subjects: ReadonlyMap<Name, Subject>,
  rounds: number,
): Promise<ReadonlyMap<Name, readonly Slice[]>> {
  const measurers = new Map<Name, Measurer>()
  const slices = new Map<Name, Slice[]>([...subjects.keys()].map((name) => [name, []]))
  try {
    await eachOf([...subjects], async ([name, subject]) => {
      const measurer = await start(subject)
      measurers.set(name, measurer)
      await warmUp(measurer)
    })
    for (let round = 0; round < rounds; round++)
      for (const [name, measurer] of shuffle([...measurers])) {
        const { slice } = await measurer.tell({ sliceMs: SLICE_MS })
        if (slice) slices.get(name)?.push(slice)
      }
    return slices
  } finally {
    await Promise.all([...measurers.values()].map(({ stop }) => stop()))
  }
}

/**
 * Until it is as fast as it gets: V8 compiles as it goes, on other threads whose time counts too. Who has much code, or takes
 * long for each run, needs some seconds.
 */
async function warmUp({ tell }: Measurer): Promise<void> {
  let fastest = Infinity
  let noFaster = 0
  for (let slices = 0; slices < WARM_UPS && noFaster < NO_FASTER; slices++) {
    const { slice } = await tell({ sliceMs: WARM_UP_MS })
    if (!slice) throw new Error('a process was told to measure, and has not')
    noFaster = slice.ns < fastest * 0.95 ? 0 : noFaster + 1
    fastest = Math.min(fastest, slice.ns)
  }
}

interface Weighing<S extends Subject> {
  readonly subject: S
  readonly counts: readonly number[]
}

/** Weighs each subject in a process of its own: bytes for each run, where there are as many in flight as in each of `counts`. */
export async function weighAll<S extends Subject>(
  weighings: readonly Weighing<S>[],
  onWeighed: (subject: S, bytes: readonly number[]) => void,
): Promise<void> {
  await eachOf(weighings, async ({ subject, counts }) => {
    const measurer = await start(subject, ['--expose-gc'])
    try {
      const { bytes } = await measurer.tell({ weigh: counts })
      if (bytes) onWeighed(subject, bytes)
    } finally {
      await measurer.stop()
    }
  })
}

/** As many at a time as there may be. Rejects with the first error, when nothing is under way any more. */
async function eachOf<A>(all: readonly A[], work: (one: A) => Promise<void>): Promise<void> {
  const left = all.values()
  let failed = false
  const take = async () => {
    for (const one of left) {
      if (failed) return
      try {
        await work(one)
      } catch (error) {
        failed = true
        throw error
      }
    }
  }
  const outcomes = await Promise.allSettled(Array.from({ length: PROCESSES }, take))
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
}
