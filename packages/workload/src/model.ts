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
