/** What can be asked of the demo server's load, and what it tells. It runs in a browser, too. */
import type { Bin } from './bins.ts'
import type { Times } from './latencies.ts'

/** The most that a load may be. */
export const loadLimits = {
  /** Those in which requests are sent; warming up, and waiting for the last answers, come besides. */
  seconds: 30,
  /** Of a closed load. An open one has as many as it sends requests in a second, up to this. */
  connections: 1000,
  perSecond: 10_000,
  styles: 6,
  /** How long a run may take to be one that can be loaded, when nothing else runs. */
  answerMs: 5000,
} as const

/** Those that answer once, and change nothing. */
export const loadableScenarios = [
  'sequence',
  'combine',
  'timeout',
  'retry',
  'race',
  'hedge',
  'limit',
  'batch',
  'thumbnails',
  'regulate',
  'shutdown',
  'echo',
] as const

/** So many requests at a time, or so many in a second. */
export type Model =
  | { readonly model: 'closed'; readonly connections: number }
  | { readonly model: 'open'; readonly perSecond: number }

export type LoadOrder = Model & {
  readonly scenario: string
  /** As they stand in the query of a run, besides `style`. */
  readonly parameters: Readonly<Record<string, string>>
  readonly styles: readonly string[]
  readonly seconds: number
}

/** The requests of a style. */
export interface Outcomes {
  /** Answered with 2xx. */
  readonly succeeded: number
  /** Answered with 503, because the server was overloaded. */
  readonly refused: number
  /** Answered with anything else, cut off, or not answered in time. */
  readonly failed: number
  /** Not sent, because every connection waited for an answer. */
  readonly unsent: number
}

export interface StyleFigures {
  readonly style: string
  /** For how long it was under load. */
  readonly seconds: number
  readonly outcomes: Outcomes
  /** Successes in a second. */
  readonly perSecond: number
  /** Of the successes; `null`: there are none. */
  readonly ms: Times | null
  readonly bins: readonly Bin[]
  /** The 99th percentile of how much later than its time a request was sent; `null` in a closed load. */
  readonly lateMs: number | null
}

/** Of the demo server, while it is under load. */
export interface ServerFigures {
  /** The 99th percentile of how late its event loop was, since the last time that this was told. */
  readonly eventLoopDelayMs: number
  /** To Postgres: in use, of how many, and calls that wait for one. */
  readonly connections: { readonly inUse: number; readonly max: number; readonly waiting: number }
  /** That have begun and not ended. */
  readonly runs: number
}

export interface LoadState {
  /** `idle`: there has been none yet. */
  readonly state: 'idle' | 'running' | 'finished' | 'stopped' | 'failed'
  /** What was asked for last. */
  readonly order: LoadOrder | null
  readonly elapsedMs: number
  /** What is under load now. */
  readonly now: {
    readonly style: string
    /** Nothing is counted yet. */
    readonly warmingUp: boolean
    /** Its successes since the last time that this was told; `null`: that was just now, or its slice is ending. */
    readonly recent: { readonly perSecond: number; readonly ms: Times | null } | null
  } | null
  /** So far, in the order that was asked for. */
  readonly styles: readonly StyleFigures[]
  readonly server: ServerFigures | null
}
