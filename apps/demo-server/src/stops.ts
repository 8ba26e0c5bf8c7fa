/**
 * What must be stopped, in the reverse order of its start. It knows a thing from the moment its start
 * begins, so that nothing is forgotten when another start fails, or a signal comes, in between.
 */

interface Stoppable {
  stop(): Promise<void>
}

export class Stops {
  readonly #stops: (() => unknown)[] = []
  #stopping: Promise<void> | undefined

  get stopping(): boolean {
    return this.#stopping !== undefined
  }

  /** Throws when all is being stopped already: then nothing more may be started. */
  add(stop: () => unknown): void {
    if (this.#stopping) throw new Error('stopped during the start')
    this.#stops.push(stop)
  }

  /** Adds what is being started. A start that fails has cleaned up after itself. */
  own<A extends Stoppable>(started: Promise<A>): Promise<A> {
    this.add(() =>
      started.then(
        (owned) => owned.stop(),
        () => {},
      ),
    )
    return started
  }

  /** Stops everything, also when one stop fails, and then fails with the first error. Idempotent. */
  all(): Promise<void> {
    this.#stopping ??= this.#stopAll()
    return this.#stopping
  }

  async #stopAll() {
    const errors: unknown[] = []
    for (const stop of this.#stops.toReversed()) {
      try {
        // One after the other: the server still needs the database until its last run has finished.
        await stop()
      } catch (error) {
        errors.push(error)
      }
    }
    if (errors.length > 0) throw errors[0]
  }
}
