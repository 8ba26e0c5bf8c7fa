/**
 * What the scenarios are asked for, and which values mean something. Each scenario begins with its
 * check, so that a wrong input fails before anything starts, with the same error in every style.
 */
import type { Replica, Sku, SkuUnits } from './model.ts'

/** The longest that a timer can wait, in ms: Node fires a longer one after 1 ms. */
export const TIMER_LIMIT_MS = 2 ** 31 - 1

export interface TimeoutInput {
  readonly sku: Sku
  /** 1 to `TIMER_LIMIT_MS`. */
  readonly ms: number
}

export interface RetryInput {
  readonly sku: Sku
  /** Calls at most, an integer >= 1. */
  readonly attempts: number
  /** Bound of the wait before the first retry; it doubles for each one. 0 to `TIMER_LIMIT_MS`. */
  readonly baseMs: number
  /** Bound of every wait, 0 to `TIMER_LIMIT_MS`. */
  readonly capMs: number
  /** Uniform in [0, 1). `Math.random` by default. */
  readonly random?: () => number
}

export interface RaceInput {
  /** No two the same. */
  readonly replicas: readonly Replica[]
  readonly sku: Sku
}

export interface HedgeInput extends RaceInput {
  /** How long a replica may be silent before the next one is asked, 1 to `TIMER_LIMIT_MS`. */
  readonly delayMs: number
}

export interface LimitInput {
  readonly skus: readonly Sku[]
  /** Products in flight at most, an integer >= 1. */
  readonly limit: number
}

export type StreamInput = LimitInput

export interface ShutdownInput {
  /** How long what runs may go on after `close`, 0 to `TIMER_LIMIT_MS`. */
  readonly graceMs: number
}

/** Throws a `RangeError`. */
export function checkTimeout({ ms }: TimeoutInput): void {
  checkInteger('ms', ms, 1, TIMER_LIMIT_MS)
}

/** Throws a `RangeError`. */
export function checkRetry({ attempts, baseMs, capMs }: RetryInput): void {
  checkInteger('attempts', attempts, 1)
  checkInteger('baseMs', baseMs, 0, TIMER_LIMIT_MS)
  checkInteger('capMs', capMs, 0, TIMER_LIMIT_MS)
}

/** Throws a `RangeError`. No replica at all is no error here: then none of them answers. */
export function checkRace({ replicas }: RaceInput): void {
  for (const replica of replicas) checkInteger('replicas', replica, 0)
  if (new Set(replicas).size < replicas.length)
    throw new RangeError(`replicas: expected no two the same, got ${replicas.join(', ')}`)
}

/** Throws a `RangeError`. No replica at all is no error here: then none of them answers. */
export function checkHedge(input: HedgeInput): void {
  checkRace(input)
  checkInteger('delayMs', input.delayMs, 1, TIMER_LIMIT_MS)
}

/** Throws a `RangeError`. */
export function checkTransaction({ units }: SkuUnits): void {
  checkInteger('units', units, 1, 2 ** 31 - 1)
}

/** Throws a `RangeError`. */
export function checkLimit({ limit }: LimitInput): void {
  checkInteger('limit', limit, 1)
}

/** Throws a `RangeError`. */
export function checkShutdown({ graceMs }: ShutdownInput): void {
  checkInteger('graceMs', graceMs, 0, TIMER_LIMIT_MS)
}

function checkInteger(field: string, value: number, least: number, most = Number.MAX_SAFE_INTEGER): void {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return
  const range = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`
  throw new RangeError(`${field}: expected an integer ${range}, got ${String(value)}`)
}
