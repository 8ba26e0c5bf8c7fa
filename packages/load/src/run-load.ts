/** Load on a server from a process of its own, and what came of it. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Bin } from './bins.ts'
import type { Times } from './latencies.ts'

export type { Times } from './latencies.ts'

export interface Load {
  /** All of the same server, by GET. Several are loaded in turn, in slices of about a second, and never two at a time. */
  readonly urls: readonly [string, ...string[]]
  /** Sent with each request. */
  readonly headers?: Readonly<Record<string, string>>
  /** Kept alive, and opened before the first request. */
  readonly connections: number
  /** For how long requests are sent, to all URLs together; or how many of them, to each. */
  readonly until: { readonly seconds: number } | { readonly requests: number }
  /**
   * Requests that are sent in a second, whatever becomes of them; only with `seconds`. Without it, each connection waits
   * for its answers.
   */
  readonly perSecond?: number
  /** For how long each URL is loaded first, without its being counted. 0 by default. */
  readonly warmUpMs?: number
  /** For how long answers are waited for after the last request of a slice. 5,000 by default. */
  readonly patienceMs?: number
}

export interface AnswersOfStatus {
  readonly status: number
  readonly count: number
  /**
   * Closed: in all of that time. With a rate: while requests were sent, from the first answer on; or of all answers, where
   * they took longer than half of a slice.
   */
  readonly perSecond: number
  /** Since the time of the request had come. */
  readonly ms: Times
  readonly bins: readonly Bin[]
}

/** What came of the requests to one URL. */
export interface UrlReport {
  /** For how long it was under load. Closed: until the last answer. With a rate: for how long requests were sent. */
  readonly seconds: number
  /** Requests that were cut off, or not answered in time. */
  readonly failed: number
  /** Requests whose time came while every connection waited for an answer. */
  readonly unsent: number
  /** How much later than its time a request was sent; `null` without a rate. */
  readonly lateMs: Times | null
  readonly answers: readonly AnswersOfStatus[]
}

/** One for each URL, in their order. */
export type LoadReport = readonly [UrlReport, ...UrlReport[]]

/** Told about five times a second. */
export interface LoadProgress {
  /** Since the first connection was open; warming up is part of it. */
  readonly elapsedMs: number
  /** Which URL is under load, by its place. */
  readonly url: number
  /** It is being warmed up, and nothing is counted. */
  readonly warmingUp: boolean
  /**
   * What came since the last progress: successes (2xx) in a second, and how long they took. `null`: that was just now, or
   * no more requests are sent, and only the last answers are waited for.
   */
  readonly recent: { readonly perSecond: number; readonly ms: Times | null } | null
  /** So far. */
  readonly report: LoadReport
}

export interface LoadOptions {
  /** Ends the load. */
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: LoadProgress) => void
}

/** What the process says. */
export type Said =
  | { readonly progress: LoadProgress }
  | { readonly report: LoadReport }
  | { readonly error: string }

/**
 * Resolves once the process has ended. Rejects with the signal's reason, or when the server cannot be reached at
 * first. The process does not outlive ours, whatever ends ours.
 */
export async function runLoad(load: Load, { signal, onProgress }: LoadOptions = {}): Promise<LoadReport> {
  signal?.throwIfAborted()
  const main = fileURLToPath(new URL('load.main.ts', import.meta.url))
  const child = fork(main, [JSON.stringify(load)], {
    execArgv: [],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const exited = once(child, 'exit')
  const leave = () => child.connected && child.disconnect()
  signal?.addEventListener('abort', leave)
  let report: LoadReport | undefined
  let failure = 'the load ended without a report'
  child.on('message', (said: Said) => {
    if ('progress' in said) onProgress?.(said.progress)
    if ('error' in said) failure = said.error
    if ('report' in said) report = said.report
    if (!('progress' in said)) leave()
  })
  try {
    await exited
  } finally {
    signal?.removeEventListener('abort', leave)
  }
  signal?.throwIfAborted()
  if (!report) throw new Error(failure)
  return report
}
