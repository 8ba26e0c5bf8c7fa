/**
 * Prepares the database, again and again until it works: the server starts without it, and recovers by
 * itself when it comes.
 */

const FIRST_PAUSE_MS = 250
const LONGEST_PAUSE_MS = 5000

interface Log {
  warn(message: string): void
}

export class Preparation {
  readonly #prepare: () => Promise<void>
  readonly #log: Log
  #timer: NodeJS.Timeout | undefined
  #done = false
  #stopped = false

  constructor(prepare: () => Promise<void>, log: Log) {
    this.#prepare = prepare
    this.#log = log
  }

  get done(): boolean {
    return this.#done
  }

  /** Resolves after one attempt, however it ended; `pauseMs` before the next one, and twice that before each after it. */
  async attempt(pauseMs = FIRST_PAUSE_MS): Promise<void> {
    try {
      await this.#prepare()
      this.#done = true
    } catch (error) {
      if (this.#stopped) return
      const reason = error instanceof Error ? error.message : String(error)
      this.#log.warn(`cannot prepare the database, trying again in ${pauseMs} ms: ${reason}`)
      this.#timer = setTimeout(() => void this.attempt(Math.min(pauseMs * 2, LONGEST_PAUSE_MS)), pauseMs)
    }
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }
}
