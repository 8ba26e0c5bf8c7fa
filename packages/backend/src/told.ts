/** One call, as its caller and whoever watches the run see it: how it ends is told once. */
import type { Done } from '@overlap/workload'
import type { CallName } from './calls.ts'
import type { Watcher } from './watcher.ts'

export class Told<A, E> {
  readonly #name: CallName
  readonly #id: number
  readonly #watcher: Watcher
  /** `null` once the call has been answered or cancelled. */
  #done: Done<A, E> | null

  constructor(name: CallName, done: Done<A, E>, watcher: Watcher) {
    this.#name = name
    this.#done = done
    this.#watcher = watcher
    this.#id = watcher.started(name)
  }

  get over(): boolean {
    return this.#done === null
  }

  sent(): void {
    this.#watcher.tell(this.#name, 'sent', this.#id)
  }

  answering(): void {
    this.#watcher.tell(this.#name, 'answering', this.#id)
  }

  succeed(value: A): void {
    const done = this.#done
    if (done === null) return
    this.#done = null
    this.#watcher.tell(this.#name, 'succeeded', this.#id)
    done(null, value)
  }

  fail(error: E): void {
    const done = this.#done
    if (done === null) return
    this.#done = null
    this.#watcher.tell(this.#name, 'failed', this.#id)
    done(error)
  }

  /** `false` when there was nothing left to cancel. */
  cancel(): boolean {
    if (this.#done === null) return false
    this.#done = null
    this.#watcher.tell(this.#name, 'cancelled', this.#id)
    return true
  }

  stopped(): void {
    this.#watcher.tell(this.#name, 'stopped', this.#id)
  }
}
