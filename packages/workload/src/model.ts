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

/** What a shop may still sell. */
export interface Availability {
  readonly sku: Sku
  readonly onHand: number
  readonly reserved: number
  /** `onHand - reserved` units: below zero when more was promised than is there. */
  readonly available: number
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
