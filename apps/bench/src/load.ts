/** Load on a server from a process of its own, and what came of it. */
import { fork } from 'node:child_process'
import { once } from 'node:events'

export interface Load {
  readonly url: string
  readonly seconds: number
  /** Kept alive. */
  readonly connections: number
  /** Requests that are sent in a second, whatever becomes of them. Without it, each connection waits for its answers. */
  readonly perSecond?: number
}

/** In ms. */
export interface Times {
  readonly p50: number
  readonly p99: number
}

export interface LoadReport {
  /** Requests that were cut off, or not answered within 5 s after the last had been sent. */
  readonly failed: number
  /** Requests whose time came while every connection waited for an answer. */
  readonly unsent: number
  /** How much later than its time a request was sent; `null` without a rate. */
  readonly lateMs: Times | null
  readonly answers: readonly {
    readonly status: number
    readonly count: number
    /** Of those that came before the last request was sent. */
    readonly perSecond: number
    /** Since the time of the request had come. */
    readonly ms: Times
  }[]
}

export async function runLoad(load: Load): Promise<LoadReport> {
  const child = fork(new URL('load.main.ts', import.meta.url), [JSON.stringify(load)], { execArgv: [] })
  const exited = once(child, 'exit')
  const reported = once(child, 'message').then(([report]) => report as LoadReport)
  const failed = exited.then(([code]) => {
    throw new Error(`the load ended without a report, with code ${String(code)}`)
  })
  const report = await Promise.race([reported, failed])
  await exited
  return report
}
