import type {
  DatabaseError,
  HttpError,
  OutOfStockError,
  PictureError,
  SocketError,
  UnknownSkuError,
  WorkerError,
} from './errors.ts'
import type {
  Channel,
  Chunk,
  Confirmation,
  Connection,
  ConnectionChunk,
  Message,
  Order,
  OrderId,
  Page,
  Picture,
  PictureAddress,
  PictureWidth,
  ReplicaSku,
  Reservation,
  Sku,
  SkuUnits,
  Stock,
  Thumbnail,
} from './model.ts'

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

/**
 * Starts a sequence of values and hands back how to stop it: a `Call` that answers many times.
 *
 * `next` is called for each value, and `done` at most once, after the last. Neither is called before
 * `Source` has returned, nor after `Cancel`. It cannot be held back.
 */
export type Source<A, E = Error> = (next: (value: A) => void, done: Done<void, E>) => Cancel

/** The outside world, in the one shape that every style can lift: a callback and a way to stop. */
export interface Port {
  /** One row of the database. */
  readonly findStock: Call<Sku, Stock, DatabaseError | UnknownSkuError>
  /** The rows of many products with one query, in any order. A product that is not there has none. */
  readonly findStocks: Call<readonly Sku[], readonly Stock[], DatabaseError>
  /** One answer of the reservation service, over HTTP. */
  readonly fetchReservation: Call<Sku, Reservation, HttpError>
  /** The same answer of one of the service's replicas. */
  readonly fetchReservationFrom: Call<ReplicaSku, Reservation, HttpError>
  /** A connection to the database with a transaction begun on it. It must be closed. */
  readonly openSession: Call<void, Session, DatabaseError>
  /** Has the reservation service confirm an order, over HTTP. */
  readonly confirmOrder: Call<Order, Confirmation, HttpError>
  /** Downloads a page, over HTTP, and answers where its picture is. A page without one is a `PictureError`. */
  readonly fetchPage: Call<Page, PictureAddress, HttpError | PictureError>
  /** Downloads a picture, over HTTP. Nobody has looked yet whether it is one. */
  readonly fetchPicture: Call<PictureAddress, Picture, HttpError>
  /** Makes a thumbnail of it on a worker thread, or waits until one is free. */
  readonly resize: Call<PictureWidth, Thumbnail, PictureError | WorkerError>
  /** The messages of a channel, from now on. They end only with an error. */
  readonly listen: (channel: Channel) => Source<Message, DatabaseError>
  /** The next bytes that have come over a connection, or `null` when its other side has ended them. */
  readonly readChunk: Call<Connection, Chunk | null, SocketError>
  /** Sends bytes over a connection. Done when they have left the process: their other side may be slow to take them. */
  readonly writeChunk: Call<ConnectionChunk, void, SocketError>
  /** Tells the other side of a connection that no more bytes will come. */
  readonly endOutput: Call<Connection, void, SocketError>
}

/** One transaction. Its calls are made one after the other. */
export interface Session {
  /** Names the order that the transaction is about, for `confirmOrder`. Unique. */
  readonly order: OrderId
  /** Takes units from a product's stock, and answers what is left. The row is locked until the end. */
  readonly takeStock: Call<SkuUnits, Stock, DatabaseError | UnknownSkuError | OutOfStockError>
  /** Makes it last. Cancelled, it may have come to pass or not: the port finds out, and keeps the books straight. */
  readonly commit: Call<void, void, DatabaseError>
  /**
   * Gives the connection back. To be called exactly once, when no call of the session runs.
   *
   * Without a commit, what was taken goes back, and a confirmation of the order is withdrawn. Synchronous:
   * like `Cancel`, it asks, and the port sees to it behind the scenes.
   */
  close(): void
}
