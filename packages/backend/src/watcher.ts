/** Numbers the calls of one run, and tells whoever watches the run how they go. */
import type { CallEvent, CallName, Observe } from './calls.ts'

export class Watcher {
  readonly #observe: Observe | undefined
  #calls = 0

  constructor(observe: Observe | undefined) {
    this.#observe = observe
  }

  /** Hands back the number of the call. */
  started(call: CallName): number {
    const id = this.#calls++
    this.#observe?.(call, 'started', id)
    return id
  }

  tell(call: CallName, event: CallEvent, id: number): void {
    this.#observe?.(call, event, id)
  }
}
