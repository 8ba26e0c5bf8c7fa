import type {
  BatchInput,
  HedgeInput,
  LimitInput,
  RaceInput,
  RegulateInput,
  Regulated,
  RetryInput,
  ShutdownInput,
  StreamInput,
  SubscribeInput,
  ThumbnailsInput,
  TimeoutInput,
} from './inputs.ts'
import type {
  Availability,
  Connection,
  Gallery,
  Message,
  Receipt,
  Reservation,
  Sku,
  SkuUnits,
  Stock,
} from './model.ts'
import type { Call, Port, Source } from './port.ts'

/** The five, in the order in which they are shown everywhere. */
export const styleNames = ['callbacks', 'promises', 'generators', 'observables', 'effect'] as const

export type StyleName = (typeof styleNames)[number]

/**
 * A style as the rest of the repository sees it: every scenario, at the edge, as a promise, or as an
 * async iterable where there are many answers.
 *
 * Once `signal` aborts, the promise rejects with `signal.reason`. However it settles, nothing that
 * it started is still running by then. An input that is out of range rejects with a `RangeError`, or with the reason if
 * `signal` has aborted as well.
 *
 * The same holds for an iterable: it starts with the first `next()`, fails at the `next()` that waits or
 * at the one that follows, and `return()` cancels what runs.
 */
export interface Style {
  /** One of `styleNames`, or the name of a style of your own. */
  readonly name: string
  sequence(port: Port, sku: Sku, signal: AbortSignal): Promise<Availability>
  combine(port: Port, sku: Sku, signal: AbortSignal): Promise<Availability>
  timeout(port: Port, input: TimeoutInput, signal: AbortSignal): Promise<Availability>
  retry(port: Port, input: RetryInput, signal: AbortSignal): Promise<Reservation>
  race(port: Port, input: RaceInput, signal: AbortSignal): Promise<Reservation>
  hedge(port: Port, input: HedgeInput, signal: AbortSignal): Promise<Reservation>
  transaction(port: Port, input: SkuUnits, signal: AbortSignal): Promise<Receipt>
  limit(port: Port, input: LimitInput, signal: AbortSignal): Promise<readonly Availability[]>
  stream(port: Port, input: StreamInput, signal: AbortSignal): AsyncIterable<Availability>
  /** An answer that nobody has read yet is overtaken too, by the next answer. */
  latest(port: Port, skus: Source<Sku>, signal: AbortSignal): AsyncIterable<Availability>
  /** Throws a `RangeError`. */
  batch(port: Port, input: BatchInput): StockLoader
  /** In the order of `pages`. */
  thumbnails(port: Port, input: ThumbnailsInput, signal: AbortSignal): Promise<readonly Gallery[]>
  /**
   * Fails with an `OverflowError` at one message more than `capacity` that nobody waits for. Of those that come in
   * one tick, also the one that somebody waits for may count.
   */
  subscribe(port: Port, input: SubscribeInput, signal: AbortSignal): AsyncIterable<Message>
  /** Throws a `RangeError`. */
  regulate(input: RegulateInput): Regulator
  /** Throws a `RangeError`. */
  shutdown(port: Port, input: ShutdownInput): AvailabilityService
  /** Answers how many bytes it has sent back. The connection is closed by whoever has opened it, and not here. */
  echo(port: Port, connection: Connection, signal: AbortSignal): Promise<number>
}

/** Reads stock for many callers, each of whom asks for one sku and waits for it alone. */
export interface StockLoader {
  /** Rejects with an `UnknownSkuError` when there is no such product. */
  load(sku: Sku, signal: AbortSignal): Promise<Stock>
}

/** A gate that any work can be led through. */
export interface Regulator {
  /**
   * Starts the work when its turn comes, and settles as the work does. Rejects with an `OverloadedError` when
   * too many wait already: then, and after an abort while it waits, the work is never started.
   */
  through<A>(request: Regulated, work: Call<void, A>, signal: AbortSignal): Promise<A>
  /** How many keys are known. One of which nothing runs, waits, or holds back the next one is forgotten. */
  readonly keys: number
}

/** Answers until it is closed. */
export interface AvailabilityService {
  /** Rejects with a `ClosedError` once it is closed, also when that cancels what runs. */
  answer(sku: Sku, signal: AbortSignal): Promise<Availability>
  /** Resolves when nothing runs any more. Closing twice is closing once. */
  close(): Promise<void>
}
