/** A port that does as it is told: for tests about the server alone, where the answers do not matter. */
import type { CallName, RunOptions } from '@overlap/backend'
import type { Call, Port } from '@overlap/workload'
import type { ServerPort } from '../src/context.ts'

export class ScriptedPort implements ServerPort {
  /** Calls wait for `release` while it is true. */
  holding = false
  /** What `findStock` fails with, or throws when `throwing`. */
  error: Error | null = null
  throwing = false
  ready = true
  checks = 0
  /** Runs that have started calls. */
  runs: RunOptions[] = []
  cancelled: CallName[] = []
  readonly #held = new Set<() => void>()

  forRun(options: RunOptions): Port {
    this.runs.push(options)
    let calls = 0
    const next = () => calls++
    return {
      findStock: this.#call('findStock', options, next, (sku) => ({ sku, onHand: 42 })),
      fetchReservation: this.#call('fetchReservation', options, next, (sku) => ({ sku, reserved: 2 })),
    }
  }

  release(): void {
    for (const answer of this.#held) answer()
    this.#held.clear()
  }

  async check(): Promise<void> {
    this.checks++
    if (!this.ready) throw new Error('not ready')
  }

  stats() {
    return {
      database: { max: 1, open: 1, idle: 1, lent: 0, connecting: 0, waiting: 0 },
      http: { requests: 0, sockets: 0, idle: 0 },
      orders: { unsettled: 0 },
    }
  }

  #call<A>(
    name: CallName,
    { observe }: RunOptions,
    next: () => number,
    answer: (sku: string) => A,
  ): Call<string, A, never> {
    return (sku, done) => {
      if (this.throwing && this.error) throw this.error
      const id = next()
      observe?.(name, 'started', id)
      observe?.(name, 'sent', id)
      let open = true
      const settle = () => {
        if (!open) return
        open = false
        const error = name === 'findStock' ? this.error : null
        observe?.(name, error ? 'failed' : 'succeeded', id)
        if (error) done(error as never)
        else done(null, answer(sku))
      }
      if (this.holding) this.#held.add(settle)
      else setImmediate(settle)
      return () => {
        if (!open) return
        open = false
        this.#held.delete(settle)
        this.cancelled.push(name)
        observe?.(name, 'cancelled', id)
        observe?.(name, 'stopped', id)
      }
    }
  }
}
