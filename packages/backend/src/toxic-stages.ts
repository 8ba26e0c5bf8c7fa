/**
 * What each toxic does to one direction of one connection. A stage takes what comes and passes on what is to go
 * on, at once or later. It knows nothing of sockets, and never passes on anything from within its own making.
 *
 * Source: https://github.com/Shopify/toxiproxy/tree/main/toxics
 */
import type { Toxic, ToxicAttributes, ToxicType } from './toxics.ts'

/**
 * What flows in a direction: data; that the sender has ended its output, or has reset the connection; and what
 * only toxics say, that the connection is to be closed.
 */
export type Flow = Buffer | 'end' | 'reset' | 'close'

export interface Stage {
  /** What it holds back. A small chunk counts as 1 KiB, because an object comes with it. */
  readonly heldBytes: number
  take(flow: Flow): void
  /** Its toxic has been removed: passes on at once what it holds. It takes nothing more. */
  release(): void
  /** The connection is gone: drops what it holds, and leaves no timer. */
  stop(): void
}

type Pass = (flow: Flow) => void

const CHUNK_BYTES = 1024

/** `random`: uniform in [0, 1). */
export function createStage<T extends ToxicType>(toxic: Toxic<T>, pass: Pass, random: () => number): Stage {
  if (random() >= toxic.toxicity) return new Passing(pass)
  return create[toxic.type](toxic.attributes, pass, random)
}

const create: {
  readonly [T in ToxicType]: (attributes: ToxicAttributes[T], pass: Pass, random: () => number) => Stage
} = {
  latency: ({ latency, jitter }, pass, random) =>
    new Delaying(pass, {
      delayMs: (flow) => (isData(flow) ? latency + (random() * 2 - 1) * jitter : 0),
    }),
  bandwidth: ({ rate }, pass) =>
    new Delaying(pass, {
      // As much as goes through in 100 ms.
      cut: (data) => piecesOf(data, rate * 100),
      gapMs: (piece) => piece.length / rate,
    }),
  slow_close: ({ delay }, pass) => new Delaying(pass, { delayMs: (flow) => (isData(flow) ? 0 : delay) }),
  slicer: ({ average_size: size, size_variation: variation, delay }, pass, random) =>
    new Delaying(pass, {
      cut: (data) => slicesOf(data, size, variation, random),
      gapMs: () => delay / 1000,
    }),
  timeout: ({ timeout }, pass) => new Swallowing(pass, timeout),
  reset_peer: ({ timeout }, pass) => new Resetting(pass, timeout),
  limit_data: ({ bytes }, pass) => new Limiting(pass, bytes),
}

const isData = (flow: Flow) => typeof flow !== 'string'

function* piecesOf(data: Buffer, bytes: number): Generator<Buffer> {
  for (let from = 0; from < data.length; from += bytes) yield data.subarray(from, from + bytes)
}

/** Halves it, about, and then the halves, so that no piece is much smaller than the others, the last one included. */
function* slicesOf(data: Buffer, size: number, variation: number, random: () => number): Generator<Buffer> {
  if (data.length <= size + variation) {
    yield data
    return
  }
  const middle = Math.floor(data.length / 2) + Math.floor(random() * variation * 2) - variation
  yield* slicesOf(data.subarray(0, middle), size, variation, random)
  yield* slicesOf(data.subarray(middle), size, variation, random)
}

/** A connection that the toxicity has spared. */
class Passing implements Stage {
  readonly heldBytes = 0
  readonly take: Pass

  constructor(pass: Pass) {
    this.take = pass
  }

  release() {}
  stop() {}
}

interface Pace {
  /** How long after it has come something goes on, at the earliest, in ms. */
  readonly delayMs?: (flow: Flow) => number
  /** The pieces in which data goes on. */
  readonly cut?: (data: Buffer) => Iterator<Buffer>
  /** How long after the one before a piece goes on, at the earliest, in ms. */
  readonly gapMs?: (piece: Buffer) => number
}

interface Held {
  readonly flow: Flow
  readonly earliest: number
  /** What goes on next of it, when, and the pieces after that. */
  piece: Flow
  due: number
  readonly rest: Iterator<Flow>
  /** How many bytes of it have gone on. */
  gone: number
}

/** Holds things back, in order, each until it is due. */
class Delaying implements Stage {
  heldBytes = 0
  readonly #pass: Pass
  readonly #pace: Pace
  readonly #queue: Held[] = []
  /** When the last piece was due, which is not when it went: timers are late, and that is caught up with. */
  #lastDue = 0
  #timer: NodeJS.Timeout | undefined

  constructor(pass: Pass, pace: Pace) {
    this.#pass = pass
    this.#pace = pace
  }

  take(flow: Flow) {
    const { delayMs, cut } = this.#pace
    const rest: Iterator<Flow> = cut && typeof flow !== 'string' ? cut(flow) : [flow].values()
    const first = rest.next()
    if (first.done) return
    const earliest = performance.now() + Math.max(0, delayMs?.(flow) ?? 0)
    const held: Held = { flow, earliest, piece: first.value, due: 0, rest, gone: 0 }
    this.heldBytes += weightOf(flow)
    if (this.#queue.push(held) > 1) return
    held.due = this.#dueOf(held)
    this.#passWhatIsDue()
  }

  release() {
    clearTimeout(this.#timer)
    const queue = this.#queue.splice(0)
    this.heldBytes = 0
    for (const { flow, gone } of queue) this.#pass(typeof flow === 'string' ? flow : flow.subarray(gone))
  }

  stop() {
    clearTimeout(this.#timer)
    this.#queue.length = 0
    this.heldBytes = 0
  }

  #passWhatIsDue() {
    for (let head = this.#queue[0]; head; head = this.#queue[0]) {
      // Rounded, because a timer waits for 1 ms at least: what is due earlier than that goes now.
      const waitMs = Math.round(head.due - performance.now())
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.#passWhatIsDue(), waitMs)
        return
      }
      this.#pass(this.#takeOut(head))
    }
  }

  /** The next piece of what is at the head. It is held no more when it is passed on. */
  #takeOut(head: Held): Flow {
    const { flow, piece } = head
    this.#lastDue = head.due
    head.gone += piece.length
    const next = head.rest.next()
    if (!next.done) {
      head.piece = next.value
      head.due = this.#dueOf(head)
      return piece
    }
    this.#queue.shift()
    this.heldBytes -= weightOf(flow)
    const [following] = this.#queue
    if (following) following.due = this.#dueOf(following)
    return piece
  }

  #dueOf({ earliest, piece }: Held): number {
    const gapMs = typeof piece === 'string' ? 0 : (this.#pace.gapMs?.(piece) ?? 0)
    return Math.max(earliest, this.#lastDue) + gapMs
  }
}

const weightOf = (flow: Flow) => (typeof flow === 'string' ? 0 : Math.max(flow.length, CHUNK_BYTES))

/** `timeout`: drops data. A connection that has lost some is of no use any more when that is over, and is closed. */
class Swallowing implements Stage {
  readonly heldBytes = 0
  readonly #pass: Pass
  readonly #timer: NodeJS.Timeout | undefined
  #dropped = false

  constructor(pass: Pass, timeoutMs: number) {
    this.#pass = pass
    if (timeoutMs > 0) this.#timer = setTimeout(pass, timeoutMs, 'close')
  }

  take(flow: Flow) {
    if (typeof flow === 'string') this.#pass(flow)
    else this.#dropped = true
  }

  release() {
    this.stop()
    if (this.#dropped) this.#pass('close')
  }

  stop() {
    clearTimeout(this.#timer)
  }
}

/** `reset_peer`: from the first data on, or the end, everything is dropped. */
class Resetting implements Stage {
  readonly heldBytes = 0
  readonly #pass: Pass
  readonly #timeoutMs: number
  #timer: NodeJS.Timeout | undefined

  constructor(pass: Pass, timeoutMs: number) {
    this.#pass = pass
    this.#timeoutMs = timeoutMs
  }

  take() {
    this.#timer ??= setTimeout(this.#pass, this.#timeoutMs, 'reset')
  }

  release() {
    this.stop()
    if (this.#timer) this.#pass('reset')
  }

  stop() {
    clearTimeout(this.#timer)
  }
}

/** `limit_data`: what comes after the last byte is dropped. */
class Limiting implements Stage {
  readonly heldBytes = 0
  readonly #pass: Pass
  #left: number

  constructor(pass: Pass, bytes: number) {
    this.#pass = pass
    this.#left = bytes
  }

  take(flow: Flow) {
    if (typeof flow === 'string') {
      this.#pass(flow)
      return
    }
    if (this.#left > 0) this.#pass(flow.subarray(0, this.#left))
    this.#left -= flow.length
    if (this.#left <= 0) this.#pass('close')
  }

  release() {}
  stop() {}
}
