/**
 * One subject by itself: a style in a scenario through the common contract, or `combine` in somebody's own terms. It is
 * timed, or weighed, in a process where nothing else runs.
 */
import { setImmediate as turn } from 'node:timers/promises'
import {
  type Call,
  type Cancel,
  type Done,
  type ScenarioName,
  type Style,
  type StyleName,
  toPromise,
} from '@overlap/workload'
import { type Ground, aloneRuns } from './alone-runs.ts'
import { type NativeName, type OpenNative, natives } from './native.ts'
import { openLeanPort, openToldPort } from './told-port.ts'

/** How many runs are in flight together while they are timed. */
export const BATCH = 200

/** Whoever needs more turns of the loop than that has been forgotten. */
const TURNS = 10_000

/** `calls alone`: the same calls as in a style, by plain callbacks, whose answers nobody looks at. `nothing`: not even these. */
export type Subject =
  | { readonly scenario: ScenarioName; readonly style: StyleName | 'calls alone' | 'nothing' }
  | { readonly native: NativeName }

/** Hands back how to start a run, which returns what its starter holds of it. `done` hears of the end of each. */
async function open(subject: Subject, ground: Ground, done: Done<unknown>): Promise<() => unknown> {
  if ('native' in subject) {
    const openNative: OpenNative = natives[subject.native]
    const start = await openNative(ground.port, done)
    return () => start('A-42')
  }
  const run = await openInContract(subject, ground)
  const succeed = () => done(null)
  return () => {
    const controller = new AbortController()
    run(controller.signal).then(succeed, done)
    return controller
  }
}

async function openInContract(
  { scenario, style }: Extract<Subject, { scenario: unknown }>,
  ground: Ground,
): Promise<(signal: AbortSignal) => Promise<unknown>> {
  const { open: openRun, stages } = aloneRuns[scenario]
  if (style === 'nothing') return () => Promise.resolve()
  if (style === 'calls alone') {
    const calls = stages(ground.port)
    return (signal) => toPromise((done) => callInStages(calls, done), signal)
  }
  return openRun(await loadStyle[style](), ground)
}

/** Only the one that is measured is loaded. */
const loadStyle: Readonly<Record<StyleName, () => Promise<Style>>> = {
  callbacks: async () => (await import('@overlap/callbacks')).callbacks,
  promises: async () => (await import('@overlap/promises')).promises,
  generators: async () => (await import('@overlap/generators')).generators,
  observables: async () => (await import('@overlap/observables')).observables,
  effect: async () => (await import('@overlap/effect')).effect,
}

/** Makes the calls of one stage at the same time, and then those of the next. They cannot be cancelled: nobody does. */
function callInStages(stages: readonly (readonly Call<void, unknown>[])[], done: Done<void>): Cancel {
  let stage = 0
  let missing = 0
  function next() {
    const calls = stages[stage++]
    if (!calls) return done(null)
    missing = calls.length
    for (const call of calls) call(undefined, join)
  }
  function join() {
    if (--missing === 0) next()
  }
  next()
  return () => {}
}

/** What a style, or whoever else, does again and again. */
export interface Batches {
  /** Calls that have been made so far. Of who is measured in his own terms, nobody counts them. */
  readonly calls: () => number
  /** Rejects with the first error of a run, and with one that says so if a run does not end. */
  readonly runBatch: () => Promise<void>
}

export async function openBatches(subject: Subject): Promise<Batches> {
  const told = 'native' in subject ? openLeanPort() : openToldPort()
  const batch: { ended: number; failure?: Error } = { ended: 0 }
  const start = await open(subject, told, (error) => {
    batch.ended++
    if (error) batch.failure ??= error
  })
  return {
    calls: () => ('calls' in told ? told.calls : 0),
    async runBatch() {
      batch.ended = 0
      for (let started = 0; started < BATCH; started++) start()
      for (let turns = 0; turns < TURNS; turns++) {
        await turn()
        told.answer()
        if (batch.failure) throw batch.failure
        if (batch.ended === BATCH) return
      }
      throw new Error(`of ${BATCH} runs, only ${batch.ended} have ended`)
    },
  }
}

/** What a slice has cost: nanoseconds of the processor for each run, and how many calls each has made. */
export interface Slice {
  readonly ns: number
  readonly calls: number
}

/** To ask for the time of the processor takes as long as some hundred runs: so long are batches run before it is asked for again. */
const LOOK_MS = 2

/**
 * Runs batches for `ms` at least. The time is that of the processor, of all threads of the process: a machine that has other things
 * to do stretches the clock's, and what a collector does on another core is not for nothing.
 */
export async function timeSlice({ runBatch, calls }: Batches, ms: number): Promise<Slice> {
  const callsBefore = calls()
  const began = process.cpuUsage()
  let runs = 0
  for (;;) {
    const look = performance.now() + LOOK_MS
    do {
      await runBatch()
      runs += BATCH
    } while (performance.now() < look)
    const { user, system } = process.cpuUsage(began)
    const us = user + system
    if (us >= ms * 1000) return { ns: (us * 1000) / runs, calls: (calls() - callsBefore) / runs }
  }
}

/**
 * Starts runs that are never answered, until there are as many as in each of `counts`, and weighs the heap each time.
 * Resolves with the bytes for each run. The process must have been started with `--expose-gc`.
 */
export async function weigh(subject: Subject, counts: readonly number[]): Promise<number[]> {
  const ground = openLeanPort()
  const start = await open(subject, ground, (error) => {
    throw error ?? new Error('a run has ended, although nothing was answered')
  })
  // As long as there can be: it would grow otherwise.
  const held = Array.from<unknown>({ length: Math.max(...counts) })
  let runs = 0
  const before = await heapBytes()
  const weights: number[] = []
  for (const count of counts) {
    while (runs < count) held[runs++] = start()
    weights.push(((await heapBytes()) - before) / count)
  }
  // They are held until here.
  if (held.length < runs || ground.waiting() < 0) throw new Error('nothing is held')
  return weights
}

/** When all that was to be started in later turns has been. */
async function heapBytes(): Promise<number> {
  for (let turns = 0; turns < 5; turns++) await turn()
  // Twice, because what the first finds may hold more.
  for (let times = 0; times < 2; times++) gc?.()
  return process.memoryUsage().heapUsed
}
