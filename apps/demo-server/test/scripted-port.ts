/** A port that does as it is told: for tests about the server alone, where the answers do not matter. */
import type { CallName, RunOptions } from '@overlap/backend'
import type { Call, Done, Message, Order, PictureWidth, Port, ReplicaSku, SkuUnits } from '@overlap/workload'
import type { ServerPort } from '../src/context.ts'

/** One that listens to a channel. */
interface Listener {
  readonly channel: string
  readonly receive: (message: Message) => void
  readonly done: Done<void, never>
}

export class ScriptedPort implements ServerPort {
  /** Calls wait for `release` while it is true. */
  holding = false
  /** What `findStock` fails with, or throws when `throwing`. */
  error: Error | null = null
  /** How many calls of it succeed before. */
  failAfter = 0
  throwing = false
  ready = true
  /** How many wait for a connection, and for how many ms, as it says. */
  waiting = 0
  waitMs = 0
  checks = 0
  /** Runs that have started calls. */
  runs: RunOptions[] = []
  /** Calls that have been made, but for `listen`. */
  started: CallName[] = []
  cancelled: CallName[] = []
  openSessions = 0
  readonly listeners = new Set<Listener>()
  #messages = 0
  readonly #held = new Set<() => void>()

  forRun(options: RunOptions): Port {
    this.runs.push(options)
    let calls = 0
    const next = () => calls++
    const call = <I, A>(name: CallName, answer: (input: I) => A) => this.#call(name, options, next, answer)
    return {
      findStock: call('findStock', (sku: string) => ({ sku, onHand: 42 })),
      fetchReservation: call('fetchReservation', (sku: string) => ({ sku, reserved: 2 })),
      fetchReservationFrom: call('fetchReservationFrom', ({ sku }: ReplicaSku) => ({ sku, reserved: 2 })),
      openSession: call('openSession', () => {
        this.openSessions++
        return {
          order: 'order-1',
          takeStock: call('takeStock', ({ sku, units }: SkuUnits) => ({ sku, onHand: 42 - units })),
          commit: call('commit', () => {}),
          close: () => this.openSessions--,
        }
      }),
      confirmOrder: call('confirmOrder', (order: Order) => order),
      findStocks: call('findStocks', (skus: readonly string[]) => skus.map((sku) => ({ sku, onHand: 42 }))),
      fetchPage: call('fetchPage', (page: string) => `/pictures/${page}`),
      fetchPicture: call('fetchPicture', (address: string) => ({ address, bytes: new Uint8Array() })),
      resize: call('resize', ({ width }: PictureWidth) => ({
        width,
        height: width,
        bytes: new Uint8Array(),
      })),
      listen: (channel: string) => (receive, done) => {
        const id = next()
        const listener: Listener = { channel, receive, done }
        options.observe?.('listen', 'started', id)
        this.listeners.add(listener)
        setImmediate(() => {
          if (this.holding || !this.listeners.has(listener)) return
          if (!this.error) return options.observe?.('listen', 'sent', id)
          this.listeners.delete(listener)
          done(this.error as never)
        })
        return () => void this.listeners.delete(listener)
      },
      readChunk: call('readChunk', () => null),
      writeChunk: call('writeChunk', () => {}),
      endOutput: call('endOutput', () => {}),
    }
  }

  release(): void {
    const held = [...this.#held]
    this.#held.clear()
    for (const answer of held) answer()
  }

  /** `null` as the port tells of what may have been missed. */
  async notify(channel: string, text: string | null): Promise<void> {
    const message = { id: ++this.#messages, channel, text }
    for (const listener of this.listeners) if (listener.channel === channel) listener.receive(message)
  }

  /** Ends all who listen to a channel. */
  fail(channel: string, error: Error): void {
    for (const listener of this.listeners) {
      if (listener.channel !== channel) continue
      this.listeners.delete(listener)
      listener.done(error as never)
    }
  }

  async check(): Promise<void> {
    this.checks++
    if (!this.ready) throw new Error('not ready')
  }

  stats() {
    return {
      database: {
        max: 1,
        open: 1,
        idle: 1,
        lent: 0,
        connecting: 0,
        waiting: this.waiting,
        waitMs: this.waitMs,
      },
      http: { requests: 0, sockets: 0, idle: 0 },
      channels: 0,
      channelConnections: 0,
      orders: { unsettled: 0 },
      workers: { running: 0, waiting: 0 },
    }
  }

  #call<I, A>(
    name: CallName,
    { observe }: RunOptions,
    next: () => number,
    answer: (input: I) => A,
  ): Call<I, A, never> {
    return (input, done) => {
      if (this.throwing && this.error) throw this.error
      const id = next()
      this.started.push(name)
      observe?.(name, 'started', id)
      observe?.(name, 'sent', id)
      let open = true
      const settle = () => {
        if (!open) return
        open = false
        const error = name === 'findStock' && id >= this.failAfter ? this.error : null
        observe?.(name, error ? 'failed' : 'succeeded', id)
        if (error) done(error as never)
        else done(null, answer(input))
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
