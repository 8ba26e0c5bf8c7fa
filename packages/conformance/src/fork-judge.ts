/**
 * Judges a style in a process of its own: for whoever has other things to do meanwhile, and cannot have the timers of
 * his process made virtual. Light: this side of it loads no suite.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { ScenarioName } from '@overlap/workload'

export { suiteFiles } from './suite-files.ts'

/** A clause, and where it is written. */
export interface ClausePlace {
  readonly scenario: ScenarioName
  readonly id: string
  readonly title: string
  /** Its name in `suiteFiles`. */
  readonly file: string
  /** From 1 on. */
  readonly line: number
}

/** What came of one clause, as it can be sent from one process to another. */
export interface SentVerdict {
  readonly scenario: ScenarioName
  /** Its id. */
  readonly clause: string
  readonly held: boolean
  /** Milliseconds that it took, on the real clock. */
  readonly ms: number
  /** What was seen instead, where it does not hold: a few thousand characters at most. */
  readonly message?: string
  /** Of the random walk that has failed, and where in it: `SEED` and `SEED_PATH`. */
  readonly seed?: number
  readonly path?: string
}

/** What the other process sends: first what there is to judge, then each verdict, and at last that this was all. */
export type JudgeMessage =
  | { readonly clauses: readonly ClausePlace[] }
  | { readonly verdict: SentVerdict }
  | { readonly done: true }

/** A clause takes a second at most. */
const SILENT_MS = 60_000

interface JudgeOptions {
  /** The name of the style, under which its module exports it. */
  readonly style: string
  /** The URL of that module. */
  readonly module: string
  /** By default, all of them. */
  readonly scenario?: ScenarioName | undefined
  /** Ends it, and the process with it. */
  readonly signal?: AbortSignal
  readonly onVerdict: (verdict: SentVerdict) => void
  /** By default a minute: how long nothing may come of it before it is given up. */
  readonly silentMs?: number
}

/**
 * Resolves when the style has been put through all clauses of the scripted and the simulated tier.
 *
 * Rejects when it was aborted, with the signal's reason; and with an `Error` when the process ended before it was
 * done, or was silent for so long that it is given up. However it ends, the process has ended by then.
 */
export async function judgeInChild(options: JudgeOptions): Promise<void> {
  const { style, module, scenario, signal, onVerdict, silentMs = SILENT_MS } = options
  const args = [style, module, ...(scenario === undefined ? [] : [scenario])]
  await runChild(
    args,
    (message) => {
      if ('verdict' in message) onVerdict(message.verdict)
    },
    silentMs,
    signal,
  )
}

/** Resolves with every clause that `judgeInChild` judges, in that order. Rejects as that does. */
export async function listClauses(): Promise<readonly ClausePlace[]> {
  let clauses: readonly ClausePlace[] = []
  await runChild(
    [],
    (message) => {
      if ('clauses' in message) clauses = message.clauses
    },
    SILENT_MS,
  )
  return clauses
}

async function runChild(
  args: readonly string[],
  receive: (message: Exclude<JudgeMessage, { readonly done: true }>) => void,
  silentMs: number,
  signal?: AbortSignal,
): Promise<void> {
  signal?.throwIfAborted()
  const child = fork(fileURLToPath(new URL('judge.main.ts', import.meta.url)), args, {
    execArgv: [],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const kill = () => child.kill('SIGKILL')
  let wasSilent = false
  let isDone = false
  const watchdog = setTimeout(() => {
    wasSilent = true
    kill()
  }, silentMs)
  signal?.addEventListener('abort', kill, { once: true })
  child.on('message', (message) => {
    if (!isOurs(message) || signal?.aborted) return
    watchdog.refresh()
    if ('done' in message) isDone = true
    else receive(message)
  })
  try {
    // Not `exit`, which may come before the last message.
    const [code, killedBy] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
    signal?.throwIfAborted()
    if (wasSilent) throw new Error(`nothing came of it for ${silentMs / 1000} s, so it was ended`)
    // A style may end it with 0, too.
    if (code !== 0 || !isDone)
      throw new Error(`its process ended before it was done, with ${killedBy ?? `code ${code}`}`)
  } finally {
    clearTimeout(watchdog)
    signal?.removeEventListener('abort', kill)
    kill()
  }
}

/** Under `node --watch`, Node itself sends messages too. */
const isOurs = (message: unknown): message is JudgeMessage =>
  typeof message === 'object' &&
  message !== null &&
  ('clauses' in message || 'verdict' in message || 'done' in message)
