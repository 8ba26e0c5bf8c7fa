/**
 * What there is for each key: made when the key is first asked for, and forgotten when it is idle.
 *
 * Some things become idle when time has passed, and no timer runs for that: they are looked for when there
 * are twice as many as were left the last time, which is constant time for each. So at most as many are kept
 * for nothing as are, or were then, in use.
 */
export class PerKey<A> {
  readonly #all = new Map<string, A>()
  readonly #create: (key: string) => A
  readonly #isIdle: (value: A) => boolean
  #enough = 16

  constructor(create: (key: string) => A, isIdle: (value: A) => boolean) {
    this.#create = create
    this.#isIdle = isIdle
  }

  get(key: string): A {
    const known = this.#all.get(key)
    if (known !== undefined) return known
    if (this.#all.size >= this.#enough) this.#forgetIdle()
    const value = this.#create(key)
    this.#all.set(key, value)
    return value
  }

  /** Forgets what is there for the key, if it is idle now. */
  release(key: string): void {
    const value = this.#all.get(key)
    if (value !== undefined && this.#isIdle(value)) this.#all.delete(key)
  }

  /** How many are not idle. It takes time for each. */
  get size(): number {
    this.#forgetIdle()
    return this.#all.size
  }

  #forgetIdle() {
    for (const [key, value] of this.#all) if (this.#isIdle(value)) this.#all.delete(key)
    this.#enough = 16 + 2 * this.#all.size
  }
}
