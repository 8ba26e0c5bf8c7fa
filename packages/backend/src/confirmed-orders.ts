/** What the reservation service knows of orders: which are confirmed, and which never will be. */
import type { Order, OrderId, Sku } from '@overlap/workload'

export class ConfirmedOrders {
  /** Withdrawn ones are kept for good: a request that was overtaken by its withdrawal may still come. */
  readonly #orders = new Map<OrderId, Order | 'withdrawn'>()
  readonly #units = new Map<Sku, number>()

  /** `null`, or why the order cannot be confirmed. Confirming it again changes nothing. */
  confirm(order: Order): string | null {
    const known = this.#orders.get(order.order)
    if (known === 'withdrawn') return 'the order was withdrawn'
    if (known) {
      const same = known.sku === order.sku && known.units === order.units
      return same ? null : 'the order was confirmed with another sku or other units'
    }
    this.#orders.set(order.order, order)
    this.#count(order.sku, order.units)
    return null
  }

  /** From now on the order cannot be confirmed, whether it was known or not. */
  withdraw(order: OrderId): void {
    const known = this.#orders.get(order)
    this.#orders.set(order, 'withdrawn')
    if (known && known !== 'withdrawn') this.#count(known.sku, -known.units)
  }

  /** Units that are confirmed, by sku. */
  units(): Readonly<Record<Sku, number>> {
    return Object.fromEntries(this.#units)
  }

  #count(sku: Sku, units: number) {
    const sum = (this.#units.get(sku) ?? 0) + units
    if (sum === 0) this.#units.delete(sku)
    else this.#units.set(sku, sum)
  }
}
