import type { Port } from './port.ts'

/**
 * Makes something of each port once, and forgets it with the port.
 *
 * What a style makes of a port holds no state, and most runs share one: to make its dozen functions again for each of them
 * would cost more than some scenarios do.
 */
export function perPort<A extends object>(make: (port: Port) => A): (port: Port) => A {
  const made = new WeakMap<Port, A>()
  return (port) => {
    const known = made.get(port)
    if (known !== undefined) return known
    const one = make(port)
    made.set(port, one)
    return one
  }
}
