import type { StreamInput, TimeoutInput } from './inputs.ts'
import type { Availability, Sku } from './model.ts'
import type { Port, Source } from './port.ts'

/** The five, in the order in which they are shown everywhere. */
export const styleNames = ['callbacks', 'promises', 'generators', 'observables', 'effect'] as const

export type StyleName = (typeof styleNames)[number]

/**
 * A style as the rest of the repository sees it: every scenario, at the edge, as a promise, or as an
 * async iterable where there are many answers.
 *
 * Once `signal` aborts, the promise rejects with `signal.reason`. However it settles, nothing that
 * it started is still running by then. An input that is out of range rejects with a `RangeError`.
 *
 * The same holds for an iterable: it starts with the first `next()`, fails at the `next()` that waits or
 * at the one that follows, and `return()` cancels what runs. An error comes before what is unread, and an
 * abort before whatever the reader has not been told yet.
 */
export interface Style {
  /** One of `styleNames`, or the name of a style of your own. */
  readonly name: string
  sequence(port: Port, sku: Sku, signal: AbortSignal): Promise<Availability>
  combine(port: Port, sku: Sku, signal: AbortSignal): Promise<Availability>
  timeout(port: Port, input: TimeoutInput, signal: AbortSignal): Promise<Availability>
  stream(port: Port, input: StreamInput, signal: AbortSignal): AsyncIterable<Availability>
  /** What is unread is replaced by what is newer. */
  latest(port: Port, skus: Source<Sku>, signal: AbortSignal): AsyncIterable<Availability>
}
