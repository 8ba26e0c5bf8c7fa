/**
 * How each scenario is run for a request: the parameters that it takes besides those of every run, what
 * is asked of the port for it, and how it starts.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { RunOptions } from '@overlap/backend'
import {
  type Availability,
  type AvailabilityService,
  ClosedError,
  type Port,
  type ScenarioName,
  type Sku,
  type Source,
  type Style,
} from '@overlap/workload'
import { showGallery } from './galleries.ts'
import type { Loaders } from './loaders.ts'
import { echoOverLoopback } from './loopback-echo.ts'
import {
  channels,
  count,
  databaseDelay,
  databaseFault,
  duration,
  durations,
  keys,
  pages,
  size,
  sku,
  skus,
  urgencies,
  widths,
} from './parameters.ts'
import type { Table, Values } from './run-query.ts'
import { availability, gallery, loopbackEcho, message, receipt, reservation, stock, turn } from './schemas.ts'
import { takeTurns } from './turns.ts'
import type { Watch } from './watch.ts'

interface Shape<T extends Table> {
  /** A run that changes something for others is not a GET. */
  readonly method: 'GET' | 'POST'
  /** It goes on until its client leaves, or the server does. */
  readonly endless: boolean
  readonly table: T
  /** One result, as OpenAPI describes it. */
  readonly result: object
}

/** Answers once. */
export interface Single<T extends Table = Table> extends Shape<T> {
  readonly many: false
  readonly start: (
    style: Style,
    port: Port,
    values: Values<T>,
    signal: AbortSignal,
    /** For those that meet other runs. */
    run: { readonly cell: { readonly loaders: Loaders }; readonly watch: Watch | undefined },
  ) => Promise<unknown>
}

/** Answers many times. */
export interface Many<T extends Table = Table> extends Shape<T> {
  readonly many: true
  readonly start: (style: Style, port: Port, values: Values<T>, signal: AbortSignal) => AsyncIterable<unknown>
}

export type Program = Single | Many

/** What a parameter can ask of the port for one run. */
export type PortParameters = Partial<Pick<RunOptions, 'replicaMs' | 'failures'>>

/** As many as the server starts. */
export const REPLICAS = 3

const limit = count(1, 3, 'How many products are in flight at most.')
const failures = (fallback: number) =>
  count(0, fallback, 'How many of the first requests the reservation service answers with 503.')
const replicaMs = durations(
  REPLICAS,
  [900, 300, 600],
  'How many milliseconds each replica takes to answer: as many are asked as there are numbers.',
)
const replicasOf = ({ length }: readonly number[]) => Array.from({ length }, (_, replica) => replica)

export const programs: Readonly<Record<ScenarioName, Program>> = {
  sequence: single({
    table: { sku },
    result: availability,
    start: (style, port, values, signal) => style.sequence(port, values.sku, signal),
  }),
  combine: single({
    table: { sku },
    result: availability,
    start: (style, port, values, signal) => style.combine(port, values.sku, signal),
  }),
  timeout: single({
    table: { sku, ms: duration(1, 1000, 'After how many milliseconds it gives up.') },
    result: availability,
    start: (style, port, input, signal) => style.timeout(port, input, signal),
  }),
  retry: single({
    table: {
      sku,
      attempts: count(1, 3, 'How many requests it makes at most.'),
      baseMs: duration(0, 100, 'How many milliseconds it waits at most before the first retry.'),
      capMs: duration(0, 1000, 'How many milliseconds it waits at most before any retry.'),
      failures: failures(2),
    },
    result: reservation,
    start: (style, port, input, signal) => style.retry(port, input, signal),
  }),
  race: single({
    table: { sku, replicaMs, failures: failures(0) },
    result: reservation,
    start: (style, port, values, signal) =>
      style.race(port, { sku: values.sku, replicas: replicasOf(values.replicaMs) }, signal),
  }),
  hedge: single({
    table: {
      sku,
      replicaMs,
      delayMs: duration(1, 100, 'After how many milliseconds of silence the next replica is asked.'),
      failures: failures(0),
    },
    result: reservation,
    start: (style, port, values, signal) =>
      style.hedge(
        port,
        { sku: values.sku, replicas: replicasOf(values.replicaMs), delayMs: values.delayMs },
        signal,
      ),
  }),
  transaction: single({
    method: 'POST',
    table: { sku, units: count(1, 1, 'How many units are taken.'), failures: failures(0) },
    result: receipt,
    start: (style, port, input, signal) => style.transaction(port, input, signal),
  }),
  limit: single({
    table: { skus, limit },
    result: { type: 'array', items: availability },
    start: (style, port, input, signal) => style.limit(port, input, signal),
  }),
  stream: many({
    table: { skus, limit },
    result: availability,
    start: (style, port, input, signal) => style.stream(port, input, signal),
  }),
  latest: many({
    table: { skus, everyMs: duration(0, 100, 'How many milliseconds lie between one product and the next.') },
    result: availability,
    start: (style, port, values, signal) => style.latest(port, ticking(values.skus, values.everyMs), signal),
  }),
  batch: single({
    table: {
      sku,
      windowMs: duration(1, 10, 'For how many milliseconds products are gathered for one query.'),
      max: count(1, 100, 'How many different products there are in one query at most.'),
      dbMs: databaseDelay,
      dbFault: databaseFault,
    },
    result: stock,
    // Not the run's own port: a query is for all runs that ask at the same time.
    start: (_style, _port, values, signal, { cell, watch }) =>
      cell.loaders.load(values.sku, values, signal, watch?.observe),
  }),
  thumbnails: single({
    table: { pages, widths, limit: count(1, 4, 'How many pages are in flight at most.') },
    result: { type: 'array', items: gallery },
    start: async (style, port, input, signal) =>
      (await style.thumbnails(port, input, signal)).map(showGallery),
  }),
  subscribe: many({
    endless: true,
    table: {
      channels,
      capacity: count(1, 100, 'How many messages may be unread before it fails.'),
    },
    result: message,
    start: (style, port, input, signal) => style.subscribe(port, input, signal),
  }),
  regulate: single({
    table: {
      sku,
      keys,
      urgencies,
      limit: count(1, 2, 'How many requests of a key run at the same time at most.'),
      perSecond: count(0, 0, 'How many of them start in one second at most; 0: as soon as there is a place.'),
      queue: count(0, 100, 'How many of them wait at most.'),
      agingMs: duration(
        0,
        1000,
        'How many milliseconds longer one must have waited than another that is more urgent by one.',
      ),
    },
    result: { type: 'array', items: turn },
    start: (style, port, { perSecond, ...input }, signal) =>
      takeTurns(style, port, { ...input, perSecond: perSecond || undefined }, signal),
  }),
  shutdown: single({
    table: {
      skus,
      closeMs: duration(0, 100, 'After how many milliseconds it is closed.'),
      graceMs: duration(0, 200, 'How many milliseconds what runs may go on after that.'),
    },
    result: {
      type: 'array',
      description: 'An availability for each product, or `null`: closing has cancelled it.',
      items: { type: ['object', 'null'] },
    },
    start: (style, port, values, signal) =>
      answerUntilClosed(style.shutdown(port, values), values.skus, values.closeMs, signal),
  }),
  echo: single({
    table: {
      bytes: size(8, 'How many bytes are sent, and come back.'),
      pauseMs: duration(0, 200, 'How many milliseconds the client sends before it begins to read.'),
    },
    result: loopbackEcho,
    start: (style, port, values, signal) => echoOverLoopback(style, port, values, signal),
  }),
}

function single<T extends Table>(
  program: Pick<Single<T>, 'table' | 'result' | 'start'> & Partial<Single<T>>,
): Program {
  // A cast: a program is only ever started with what its own table has read.
  return { method: 'GET', endless: false, ...program, many: false } as unknown as Single
}

function many<T extends Table>(
  program: Pick<Many<T>, 'table' | 'result' | 'start'> & Partial<Many<T>>,
): Program {
  return { method: 'GET', endless: false, ...program, many: true } as unknown as Many
}

/** The skus one after the other: the first at once, and then another every `everyMs`. */
function ticking(all: readonly Sku[], everyMs: number): Source<Sku> {
  return (next, done) => {
    const left = [...all]
    const step = () => {
      const first = left.shift()
      if (first !== undefined) next(first)
      if (left.length > 0) return
      clearInterval(timer)
      done(null)
    }
    const timer = setInterval(step, everyMs)
    const immediate = setImmediate(step)
    return () => {
      clearImmediate(immediate)
      clearInterval(timer)
    }
  }
}

/** Asks for every sku at the same time, closes the service after `closeMs`, and tells what was answered by then. */
async function answerUntilClosed(
  service: AvailabilityService,
  all: readonly Sku[],
  closeMs: number,
  signal: AbortSignal,
): Promise<readonly (Availability | null)[]> {
  const failed = new AbortController()
  const either = AbortSignal.any([signal, failed.signal])
  const answers = all.map((one) => service.answer(one, either).catch(nullIfClosed))
  const closing = sleep(closeMs, undefined, { signal: either }).then(() => service.close())
  try {
    const [results] = await Promise.all([Promise.all(answers), closing])
    return results
  } catch (error) {
    throw signal.aborted ? signal.reason : error
  } finally {
    failed.abort()
    await service.close()
  }
}

function nullIfClosed(error: unknown): null {
  if (error instanceof ClosedError) return null
  throw error
}
