/**
 * Whether the server can do its work: nothing is closing, and what stands behind it answers.
 *
 * A check is shared by all who ask within a second, and there is never more than one under way: asking
 * often cannot be used to load the database.
 */
import { setTimeout as sleep } from 'node:timers/promises'

const FRESH_MS = 1000
/** A service that takes longer is not ready, even if it answers at last. */
const PATIENCE_MS = 2000

export class Readiness {
  readonly #check: () => Promise<void>
  #answer: Promise<boolean> | undefined
  #freshUntil = 0
  #checking = false

  constructor(check: () => Promise<void>) {
    this.#check = check
  }

  isReady(): Promise<boolean> {
    if (this.#answer && (this.#checking || performance.now() < this.#freshUntil)) return this.#answer
    this.#answer = this.#ask()
    return this.#answer
  }

  async #ask(): Promise<boolean> {
    this.#checking = true
    const checked = this.#check()
      .then(
        () => true,
        () => false,
      )
      .finally(() => {
        this.#checking = false
      })
    const ready = await Promise.race([checked, sleep(PATIENCE_MS, false, { ref: false })])
    this.#freshUntil = performance.now() + FRESH_MS
    return ready
  }
}
