import type { HttpError, PictureError } from './errors.ts'

/** Stock-keeping unit: the key that the database and the reservation service share. */
export type Sku = string

/** A row of the `stock` table. */
export interface Stock {
  readonly sku: Sku
  /** Units in the warehouse, an integer >= 0. */
  readonly onHand: number
}

/** What the reservation service answers. */
export interface Reservation {
  readonly sku: Sku
  /** Units promised to earlier orders, an integer >= 0. */
  readonly reserved: number
}

/** A replica of the reservation service, by its number: an integer >= 0. */
export type Replica = number

export interface ReplicaSku {
  readonly replica: Replica
  readonly sku: Sku
}

/** What a shop may still sell. */
export interface Availability {
  readonly sku: Sku
  readonly onHand: number
  readonly reserved: number
  /** `onHand - reserved` units: below zero when more was promised than is there. */
  readonly available: number
}

/** Names one order, for the database and the reservation service alike. */
export type OrderId = string

export interface SkuUnits {
  readonly sku: Sku
  /** An integer >= 1. */
  readonly units: number
}

export interface Order extends SkuUnits {
  readonly order: OrderId
}

/** What the reservation service answers to an order. */
export interface Confirmation extends SkuUnits {
  readonly order: OrderId
}

/** An order that has been taken from the stock, confirmed and committed. */
export interface Receipt extends Confirmation {
  /** Units that were left in the warehouse. */
  readonly onHand: number
}

/** Names a page of the service, as its URL does. */
export type Page = string

/** Where on the service a picture is: the path of its URL. */
export type PictureAddress = string

/** A picture as it was downloaded. */
export interface Picture {
  readonly address: PictureAddress
  readonly bytes: Uint8Array
}

export interface PictureWidth {
  readonly picture: Picture
  /** Of the thumbnail, in pixels: 1 to `WIDTH_LIMIT`. */
  readonly width: number
}

/** A smaller picture of the same proportions, as WebP. */
export interface Thumbnail {
  /** Pixels: the width that was asked for, or that of the picture if it is less. */
  readonly width: number
  /** Pixels. */
  readonly height: number
  readonly bytes: Uint8Array
}

/** What came of one page: its thumbnails in the order of the widths, or what is wrong with it. */
export type Gallery =
  | { readonly page: Page; readonly thumbnails: readonly Thumbnail[] }
  | { readonly page: Page; readonly error: HttpError | PictureError }

/** Names a stream of messages that anybody can send to and listen to: 1 to 63 letters, digits, `_`, `-`, `.` or `:`. */
export type Channel = string

/** What comes over a channel. */
export interface Message {
  /** Grows from each message to the next, over all channels together. An integer >= 1. */
  readonly id: number
  readonly channel: Channel
  /** `null`: it could not be listened for a while, so messages may have been missed. */
  readonly text: string | null
}

/** A connection to a client, as it is named to the port. */
export interface Connection {
  readonly id: number
}

/** Bytes as they came. */
export type Chunk = Uint8Array

export interface ConnectionChunk {
  readonly connection: Connection
  readonly chunk: Chunk
}

/** The pure half of the workload: it is the same in every style. */
export function toAvailability(stock: Stock, reservation: Reservation): Availability {
  const { sku, onHand } = stock
  const { reserved } = reservation
  return { sku, onHand, reserved, available: onHand - reserved }
}

/** The reservation of a product that is out of stock: nothing is there to be promised, so nobody is asked. */
export function noReservation(sku: Sku): Reservation {
  return { sku, reserved: 0 }
}

/** `left`: the stock after the units were taken. */
export function toReceipt(left: Stock, confirmation: Confirmation): Receipt {
  const { order, sku, units } = confirmation
  return { order, sku, units, onHand: left.onHand }
}

/** The rows that one query has answered, by their skus. */
export function bySku(stocks: readonly Stock[]): ReadonlyMap<Sku, Stock> {
  return new Map(stocks.map((stock) => [stock.sku, stock]))
}
