/** Whether styles leave anything behind: runs them in a process of its own, and looks at that from outside, too. */
import { fork } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { forkReservationService, openPort, startPostgres, watchPostgres } from '@overlap/backend'
import { SKU_IN_STOCK } from './mixed-runs.ts'
import { linearRegression } from 'simple-statistics'

export interface LeaksInput {
  readonly styles: readonly string[]
  /** Under which name Postgres knows it. */
  readonly applicationName: string
  readonly databaseUrl: string
  readonly upstreamUrls: readonly string[]
  /** Runs of each style before anything is looked at. */
  readonly warmUp: number
  /** Of each style. */
  readonly runs: number
  /** How often it rests meanwhile, and is looked at. */
  readonly samples: number
}

/** What a process holds that the garbage collector does not take away. */
export interface Held {
  readonly files: number
  /** Handles and timers by name (`process.getActiveResourcesInfo`). */
  readonly resources: Readonly<Record<string, number>>
  readonly processListeners: number
}

/** What is there while nothing runs. */
interface Rested {
  /** Of all styles, since the first time. */
  readonly runs: number
  readonly heapBytes: number
  /** Of a regulator that every caller has used under a name of its own. */
  readonly keys: number
  /** On the signal of a caller that has never left. */
  readonly listeners: number
}

interface Done {
  readonly before: Held
  readonly after: Held
  /** For each style, how many runs ended how: by the name of the error, or `answer`. */
  readonly outcomes: readonly Readonly<Record<string, number>>[]
}

export type LeaksMessage =
  | { readonly rested: Rested; readonly done?: never }
  | { readonly done: Done; readonly rested?: never }

export interface Leaks extends Done {
  readonly rested: readonly Rested[]
  /** By how much the heap grows with each run. */
  readonly bytesPerRun: number
  /** Queries that ran, and transactions that were open, whenever the process rested. */
  readonly busySessions: number
  /** Connections to Postgres once it had ended. */
  readonly sessionsLeft: number
  /** `null`: it did not end by itself. */
  readonly exitCode: number | null
  /** How long it took to end, once it had nothing left to do. */
  readonly exitMs: number
  readonly seconds: number
}

/** What the runs talk to. */
export interface Grounds {
  readonly databaseUrl: string
  readonly upstreamUrls: readonly string[]
  stop(): Promise<void>
}

export async function openGrounds(): Promise<Grounds> {
  const [postgres, service] = await Promise.all([
    startPostgres({ maxConnections: 100 }),
    forkReservationService({ replicas: 3 }),
  ])
  const upstreamUrls = service.urls
  const port = openPort({ databaseUrl: postgres.url, upstreamUrls, poolMax: 1 })
  await port.prepare()
  await port.close()
  const watch = await watchPostgres(postgres.url, '')
  await watch.put({ sku: SKU_IN_STOCK, onHand: 1_000_000 })
  await watch.close()
  return {
    databaseUrl: postgres.url,
    upstreamUrls,
    stop: async () => void (await Promise.all([service.stop(), postgres.stop()])),
  }
}

/** Whoever says nothing for so long does not come to an end any more. */
const SILENCE_MS = 40_000
/** After so long, it is ended. */
const EXIT_MS = 10_000

export async function findLeaks(
  { databaseUrl, upstreamUrls }: Grounds,
  size: Pick<LeaksInput, 'styles' | 'warmUp' | 'runs' | 'samples'>,
): Promise<Leaks> {
  const applicationName = `overlap-${randomUUID()}`
  const input: LeaksInput = { ...size, applicationName, databaseUrl, upstreamUrls }
  const watch = await watchPostgres(databaseUrl, applicationName)
  const began = performance.now()
  const child = fork(new URL('leaks.main.ts', import.meta.url), [JSON.stringify(input)], {
    execArgv: ['--expose-gc'],
  })
  const exited = once(child, 'exit').then(([code]) => ({
    code: code as number | null,
    at: performance.now(),
  }))
  try {
    const rested: Rested[] = []
    let busySessions = 0
    let done: Done | undefined
    while (!done) {
      const timer = new AbortController()
      const silence = sleep(SILENCE_MS, undefined, { signal: timer.signal }).catch(() => {})
      const message = await Promise.race([once(child, 'message'), exited, silence])
      timer.abort()
      if (message === undefined) throw new Error(`nothing was heard of it for ${SILENCE_MS} ms`)
      if (!Array.isArray(message)) throw new Error(`it ended without a word, with code ${message.code}`)
      const [told] = message as [LeaksMessage]
      if (told.rested) {
        rested.push(told.rested)
        busySessions += (await watch.running()) + (await watch.idleInTransaction())
        child.send('go on')
      }
      done = told.done
    }
    const doneAt = performance.now()
    const kill = setTimeout(() => child.kill('SIGKILL'), EXIT_MS)
    const exit = await exited
    clearTimeout(kill)
    return {
      ...done,
      rested,
      bytesPerRun: linearRegression(rested.map(({ runs, heapBytes }) => [runs, heapBytes])).m,
      busySessions,
      sessionsLeft: await watch.connections(),
      exitCode: exit.code,
      exitMs: exit.at - doneAt,
      seconds: (performance.now() - began) / 1000,
    }
  } finally {
    child.kill('SIGKILL')
    await exited
    await watch.close()
  }
}

/** What the runs have left, in words; nothing, if all is well. `bytesPerRun`: how much the heap may grow. */
export function judge(leaks: Leaks, { bytesPerRun }: { readonly bytesPerRun: number }): string[] {
  const { before, after, rested, exitCode, busySessions, sessionsLeft } = leaks
  const most = (count: (one: Rested) => number) => Math.max(...rested.map(count))
  const checks: readonly (readonly [claim: string, found: unknown, expected: unknown])[] = [
    ['listeners on the signal of a caller that stays', most(({ listeners }) => listeners), 0],
    ['keys of a regulator that nobody uses', most(({ keys }) => keys), 0],
    ['sessions that are busy while nothing runs', busySessions, 0],
    ['sessions after the end', sessionsLeft, 0],
    ['open files', after.files, before.files],
    ['handles and timers', after.resources, before.resources],
    ['listeners on the process', after.processListeners, before.processListeners],
    ['exit code', exitCode, 0],
    ['kinds of failures that were none of ours', unknownFailures(leaks), []],
  ]
  const problems = checks
    .filter(([, found, expected]) => !isDeepStrictEqual(found, expected))
    .map(([claim, found, expected]) => `${claim}: ${JSON.stringify(found)}, not ${JSON.stringify(expected)}`)
  if (leaks.bytesPerRun > bytesPerRun)
    problems.push(
      `the heap grows by ${Math.round(leaks.bytesPerRun)} bytes a run, not ${bytesPerRun} at most`,
    )
  return problems
}

const ways = [
  'answer',
  'CallerLeft',
  'TimeoutError',
  'HttpError',
  'AggregateError',
  'UnknownSkuError',
  'OverloadedError',
  'ClosedError',
  'OverflowError',
]

const unknownFailures = ({ outcomes }: Leaks) =>
  outcomes.flatMap(Object.keys).filter((name) => !ways.includes(name))
