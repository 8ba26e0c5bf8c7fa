import type { DatabaseError, HttpError, UnknownSkuError } from './errors.ts'
import type { Reservation, Sku, Stock } from './model.ts'

/** Node's convention: an error, or `null` and the value. Never both. */
export type Done<A, E = Error> = (error: E | null, value?: A) => void

/**
 * Stops a call. Synchronous, and idempotent: calling it twice, or after the call is done, does nothing.
 *
 * To cancel is to ask. Whoever carries the call out makes sure behind the scenes that the work has
 * stopped, and lends what it used to nobody before that.
 */
export type Cancel = () => void

/**
 * Starts a call and hands back how to stop it.
 *
 * `done` is called at most once, never before `Call` has returned, and never after `Cancel`.
 */
export type Call<I, A, E = Error> = (input: I, done: Done<A, E>) => Cancel

/** The outside world, in the one shape that every style can lift: a callback and a way to stop. */
export interface Port {
  /** One row of the database. */
  readonly findStock: Call<Sku, Stock, DatabaseError | UnknownSkuError>
  /** One answer of the reservation service, over HTTP. */
  readonly fetchReservation: Call<Sku, Reservation, HttpError>
}
