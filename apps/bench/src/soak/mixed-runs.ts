/**
 * Runs of every scenario, in turn, that end in every way: with an answer, with a failure, by running out of time, or
 * because their caller has left.
 */
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { type RealPort, TcpConnection, connectLoopback } from '@overlap/backend'
import { type Call, type Port, type Reservation, type Source, type Style, scenarios } from '@overlap/workload'

/** Has more units than can be taken in a day. */
export const SKU_IN_STOCK = 'T-leaks'
const CHANNEL = 'leaks'
/** A timer of that length is still there when somebody looks, if it was left behind. */
const LONG_MS = 20_000
/** How long it is until somebody sends to the channel again. */
const MESSAGE_MS = 5

/** What the callers of the runs have in common, and what of it must be as it was when nothing runs. */
export class Mix {
  readonly #style: Style
  readonly #port: RealPort
  readonly #regulator
  readonly #loader
  /** Of a caller who never leaves. */
  readonly patient = new AbortController().signal
  /** How many runs ended how: by the name of the error, or `answer`. */
  readonly outcomes: Record<string, number> = {}

  constructor(style: Style, port: RealPort) {
    this.#style = style
    this.#port = port
    this.#regulator = style.regulate({ limit: 2, perSecond: 1000, queue: 4, agingMs: 10 })
    this.#loader = style.batch(port.forRun({ dbMs: 1, httpMs: 0 }), { windowMs: 2, max: 10 })
  }

  /** How many keys its regulator knows. */
  get keys(): number {
    return this.#regulator.keys
  }

  /** Runs from `first` on, so many at a time. Resolves when all of them have settled. */
  async run(first: number, count: number, concurrency: number): Promise<void> {
    let next = first
    const over = new AbortController()
    const sending = this.#sendMessages(over.signal)
    try {
      await Promise.all(
        Array.from({ length: concurrency }, async () => {
          while (next < first + count) await this.#runOne(next++)
        }),
      )
    } finally {
      over.abort()
      await sending
    }
  }

  async #sendMessages(until: AbortSignal): Promise<void> {
    while (!until.aborted) {
      await this.#port.notify(CHANNEL, 'hello')
      await sleep(MESSAGE_MS)
    }
  }

  /** Every fourth one's caller leaves, at once or a little later. */
  async #runOne(n: number): Promise<void> {
    const caller = new AbortController()
    const leaves = n % 4 === 3
    const leaving = leaves ? setTimeout(() => caller.abort(new CallerLeft()), n % 7) : undefined
    let outcome = 'answer'
    try {
      await this.#start(n, leaves ? caller.signal : this.patient)
    } catch (error) {
      outcome = error instanceof Error ? error.name : String(error)
    }
    clearTimeout(leaving)
    this.outcomes[outcome] = (this.outcomes[outcome] ?? 0) + 1
  }

  async #start(n: number, signal: AbortSignal): Promise<unknown> {
    const style = this.#style
    const turn = Math.floor(n / scenarios.length)
    // Each scenario has its healthy turns and the others, and whoever leaves comes into all of them.
    const fails = turn % 3 === 1
    const port = this.#port.forRun({ dbMs: turn % 3, httpMs: n % 3, failures: fails ? 9 : 0 })
    const sku = turn % 6 === 1 ? 'nope' : 'A-5'
    const skus = ['A-1', 'A-2', sku, 'A-3']
    const { name } = scenarios[n % scenarios.length] ?? { name: 'combine' }
    switch (name) {
      case 'timeout':
        return style.timeout(
          this.#port.forRun({ dbMs: 1, httpMs: fails ? 50 : 1 }),
          { sku, ms: fails ? 2 : LONG_MS },
          signal,
        )
      case 'retry':
        return style.retry(port, { sku, attempts: 3, baseMs: 2, capMs: 4 }, signal)
      case 'race':
        return style.race(port, { sku, replicas: [0, 1, 2] }, signal)
      case 'hedge':
        return style.hedge(port, { sku, replicas: [0, 1, 2], delayMs: turn % 2 === 0 ? 1 : LONG_MS }, signal)
      case 'transaction':
        return style.transaction(port, { sku: SKU_IN_STOCK, units: 1 }, signal)
      case 'limit':
        return style.limit(port, { skus, limit: 2 }, signal)
      case 'stream':
        return take(style.stream(port, { skus, limit: 2 }, signal), turn % 2 === 0 ? 2 : Infinity)
      case 'latest':
        return take(style.latest(port, ticking(skus), signal), Infinity)
      case 'batch':
        return Promise.all(skus.map((one) => this.#loader.load(one, signal)))
      case 'thumbnails':
        // A picture takes a worker thread for as long as a hundred runs take.
        return style.thumbnails(
          port,
          { pages: [turn % 200 === 0 ? 'P-1' : 'no-picture', 'not-there'], widths: [8], limit: 2 },
          signal,
        )
      case 'subscribe':
        return take(style.subscribe(port, { channels: [CHANNEL], capacity: 10 }, signal), 2)
      case 'regulate':
        return this.#takeTurns(port, `caller ${n}`, signal)
      case 'shutdown':
        return closeEarly(style, port, turn % 2 === 0 ? 2 : LONG_MS, signal)
      case 'echo':
        return echo(style, port, signal)
      default:
        return style[name](port, sku, signal)
    }
  }

  /** Under a key that nobody else has, and one request more than may wait. */
  #takeTurns(port: Port, key: string, signal: AbortSignal) {
    const work: Call<void, Reservation> = (_, done) => port.fetchReservation('A-5', done)
    const turns = Array.from({ length: 7 }, () => this.#regulator.through({ key, urgency: 3 }, work, signal))
    return allSettled(turns)
  }
}

class CallerLeft extends Error {
  override readonly name = 'CallerLeft'
}

/** Waits for all, and then fails as the first that did. */
async function allSettled(all: readonly Promise<unknown>[]): Promise<void> {
  await Promise.allSettled(all)
  await Promise.all(all)
}

async function take(answers: AsyncIterable<unknown>, count: number): Promise<void> {
  let taken = 0
  for await (const _ of answers) if (++taken === count) return
}

/** One each ms. */
function ticking<A>(all: readonly A[]): Source<A> {
  return (next, done) => {
    const left = [...all]
    const timer = setInterval(() => {
      const [first] = left.splice(0, 1)
      if (first !== undefined) return next(first)
      clearInterval(timer)
      done(null)
    }, 1)
    return () => clearInterval(timer)
  }
}

async function closeEarly(style: Style, port: Port, graceMs: number, signal: AbortSignal): Promise<void> {
  const service = style.shutdown(port, { graceMs })
  const answers = [service.answer('A-1', signal), service.answer('A-2', signal)]
  for (const answer of answers) answer.catch(() => {})
  await sleep(1)
  await service.close()
  await allSettled(answers)
}

async function echo(style: Style, port: Port, signal: AbortSignal): Promise<void> {
  const { client, accepted } = await connectLoopback()
  const closed = Promise.all([once(client, 'close'), once(accepted, 'close')])
  try {
    client.resume().end('hello')
    await style.echo(port, new TcpConnection(accepted), signal)
  } finally {
    client.destroy()
    accepted.destroy()
    await closed
  }
}
