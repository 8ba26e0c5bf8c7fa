/**
 * What the scenarios are asked for, and which values mean something. Each scenario begins with its
 * check, so that a wrong input fails before anything starts, with the same error in every style.
 */
import type { Channel, Page, Replica, Sku, SkuUnits } from './model.ts'

/** The longest that a timer can wait, in ms: Node fires a longer one after 1 ms. */
export const TIMER_LIMIT_MS = 2 ** 31 - 1

/** The widest thumbnail that can be asked for, in pixels. */
export const WIDTH_LIMIT = 4_096

/** The least urgent: as in RFC 9218, 0 is the most urgent. */
export const URGENCY_LIMIT = 7

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

export interface BatchInput {
  /** For how long skus are gathered, from the first of them on, 1 to `TIMER_LIMIT_MS`. */
  readonly windowMs: number
  /** Different skus in one query at most, an integer >= 1. When there are as many, the window is over. */
  readonly max: number
}

export interface ThumbnailsInput {
  readonly pages: readonly Page[]
  /** One thumbnail of each page's picture for each width: pixels, 1 to `WIDTH_LIMIT`. */
  readonly widths: readonly number[]
  /** Pages in flight at most, from the download to the last thumbnail: an integer >= 1. */
  readonly limit: number
}

export interface SubscribeInput {
  /** At least one, and no two the same. */
  readonly channels: readonly Channel[]
  /** Messages that may be unread, an integer >= 1. */
  readonly capacity: number
}

/** What is let through. It holds for each key by itself. */
export interface RegulateInput {
  /** How many run at the same time at most, an integer >= 1. */
  readonly limit: number
  /**
   * How many start in one second at most, 1 to 1,000, evenly spread: after one has started, the next
   * waits for 1,000 / `perSecond` ms, rounded up. Absent: as soon as there is a place.
   */
  readonly perSecond?: number | undefined
  /** How many wait at most, an integer >= 0. */
  readonly queue: number
  /**
   * How much longer one must have waited than another that is more urgent by one, to go first: 0 to
   * `TIMER_LIMIT_MS`. So nobody waits for ever while urgent ones keep coming.
   */
  readonly agingMs: number
}

/** One of those that want to be let through. */
export interface Regulated {
  /** Those of one key are regulated together. */
  readonly key: string
  /** 0, the most urgent, to `URGENCY_LIMIT`. */
  readonly urgency: number
}

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
export function checkBatch({ windowMs, max }: BatchInput): void {
  checkInteger('windowMs', windowMs, 1, TIMER_LIMIT_MS)
  checkInteger('max', max, 1)
}

/** Throws a `RangeError`. */
export function checkThumbnails({ widths, limit }: ThumbnailsInput): void {
  for (const width of widths) checkInteger('widths', width, 1, WIDTH_LIMIT)
  checkInteger('limit', limit, 1)
}

/** Throws a `RangeError`. */
export function checkSubscribe({ channels, capacity }: SubscribeInput): void {
  if (channels.length === 0) throw new RangeError('channels: expected at least one, got none')
  for (const channel of channels) checkChannel(channel, 'channels')
  if (new Set(channels).size < channels.length)
    throw new RangeError(`channels: expected no two the same, got ${channels.join(', ')}`)
  checkInteger('capacity', capacity, 1)
}

/** Throws a `RangeError`. */
export function checkChannel(channel: Channel, field = 'channel'): void {
  if (/^[\w.:-]{1,63}$/.test(channel)) return
  const expected = '1 to 63 letters, digits, _, -, . or :'
  throw new RangeError(`${field}: expected ${expected}, got ${JSON.stringify(channel)}`)
}

/** Throws a `RangeError`. */
export function checkRegulate({ limit, perSecond, queue, agingMs }: RegulateInput): void {
  checkInteger('limit', limit, 1)
  if (perSecond !== undefined) checkInteger('perSecond', perSecond, 1, 1_000)
  checkInteger('queue', queue, 0)
  checkInteger('agingMs', agingMs, 0, TIMER_LIMIT_MS)
}

/** Throws a `RangeError`. */
export function checkRegulated({ urgency }: Regulated): void {
  checkInteger('urgency', urgency, 0, URGENCY_LIMIT)
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
