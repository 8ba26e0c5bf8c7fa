/**
 * Two ports without timers and without I/O, so that what is measured is the style. Every call of theirs waits until
 * whoever measures tells them to answer.
 */
import type {
  Call,
  Connection,
  Done,
  Port,
  Reservation,
  Session,
  Sku,
  Source,
  Stock,
} from '@overlap/workload'

/** How many chunks an echo is sent before its input ends. */
const CHUNKS = 2

/** A connection of one run, on which so many chunks are still to come. */
export interface CountedConnection extends Connection {
  left: number
}

export const connect = (): CountedConnection => ({ id: 1, left: CHUNKS })

export interface ToldPort {
  readonly port: Port
  /** Calls that have been made so far: each `listen` is one. */
  readonly calls: number
  /** One sku each time that it is told to answer, and then the end. A sku comes before the answers that its forerunner waits for. */
  readonly source: (skus: readonly Sku[]) => Source<Sku>
  /** Answers whatever waits, with an ordinary value, and each `listen` with one message. */
  readonly answer: () => void
}

interface Waiting {
  answer: () => void
}

/** A port for every scenario: what is cancelled stays silent. */
export function openToldPort(): ToldPort {
  let waiting: Waiting[] = []
  let calls = 0
  let messages = 0

  function wait(answer: () => void): () => void {
    const one: Waiting = { answer }
    waiting.push(one)
    return () => {
      one.answer = nothing
    }
  }
  const call =
    <I, A, E>(valueOf: (input: I) => A): Call<I, A, E> =>
    (input, done) => {
      calls++
      return wait(() => done(null, valueOf(input)))
    }
  /** Tells `tick` each time, until it says that there is no more. */
  function repeat(tick: () => boolean): () => void {
    let cancelled = false
    let cancel = wait(again)
    function again() {
      // Before what comes of it, so that the next one is told before that is answered.
      const mine = wait(again)
      cancel = mine
      if (!tick() || cancelled) mine()
    }
    return () => {
      cancelled = true
      cancel()
    }
  }

  const session: Session = {
    order: 'order-1',
    takeStock: call(({ sku }) => ({ sku, onHand: 7 })),
    commit: call(() => undefined),
    close: nothing,
  }
  const port: Port = {
    findStock: call((sku) => ({ sku, onHand: 42 })),
    findStocks: call((skus) => skus.map((sku) => ({ sku, onHand: 42 }))),
    fetchReservation: call((sku) => ({ sku, reserved: 2 })),
    fetchReservationFrom: call(({ replica, sku }) => ({ sku, reserved: 2 + replica })),
    openSession: call(() => session),
    confirmOrder: call(({ order, sku, units }) => ({ order, sku, units })),
    fetchPage: call((page) => `/pictures/${page}`),
    fetchPicture: call((address) => ({ address, bytes: chunk })),
    resize: call(({ width }) => ({ width, height: width / 2, bytes: chunk })),
    listen: (channel) => (next) => {
      calls++
      return repeat(() => {
        next({ id: ++messages, channel, text: 'hello' })
        return true
      })
    },
    // A cast: whoever measures opens all connections here.
    readChunk: call((connection) => ((connection as CountedConnection).left-- > 0 ? chunk : null)),
    writeChunk: call(() => undefined),
    endOutput: call(() => undefined),
  }
  return {
    port,
    get calls() {
      return calls
    },
    source: (skus) => (next, done) => {
      const left = skus.values()
      return repeat(() => {
        const { value: sku } = left.next()
        if (sku === undefined) done(null)
        else next(sku)
        return sku !== undefined
      })
    },
    answer() {
      const answered = waiting
      waiting = []
      for (const one of answered) one.answer()
    },
  }
}

const chunk = Uint8Array.of(1, 2, 3)

export interface LeanPort {
  readonly port: Port
  readonly source: ToldPort['source']
  /** Answers the calls of `combine`. None may be made meanwhile. */
  readonly answer: () => void
  /** How many calls wait. */
  readonly waiting: () => number
}

/**
 * A port that keeps of each call nothing but its `done`, in one slot of an array: to weigh what runs hold that wait, and
 * to time `combine` where that takes some 50 ns. It answers nothing but `findStock` and `fetchReservation`, and does
 * not heed a cancel, so it is for runs in which all goes well.
 */
export function openLeanPort(): LeanPort {
  const stock: Stock = { sku: 'A-42', onHand: 42 }
  const reservation: Reservation = { sku: 'A-42', reserved: 2 }
  const stocks = new Slots<Stock>()
  const reservations = new Slots<Reservation>()
  const others = new Slots<never>()
  const hold: Call<unknown, never, never> = (_, done) => others.keep(done)
  return {
    port: {
      findStock: (_, done) => stocks.keep(done),
      findStocks: hold,
      fetchReservation: (_, done) => reservations.keep(done),
      fetchReservationFrom: hold,
      openSession: hold,
      confirmOrder: hold,
      fetchPage: hold,
      fetchPicture: hold,
      resize: hold,
      listen: () => (_, done) => others.keep(done),
      readChunk: hold,
      writeChunk: hold,
      endOutput: hold,
    },
    /** The first of them, and no more. */
    source:
      ([sku]) =>
      (next, done) => {
        if (sku !== undefined) queueMicrotask(() => next(sku))
        return others.keep(done)
      },
    answer() {
      stocks.answer(stock)
      reservations.answer(reservation)
    },
    waiting: () => stocks.used + reservations.used + others.used,
  }
}

/** An array that does not shrink, because growing again would be measured too. */
class Slots<A> {
  readonly #slots: Done<A, never>[] = []
  used = 0

  keep(done: Done<A, never>): () => void {
    this.#slots[this.used++] = done
    return nothing
  }

  answer(value: A): void {
    const used = this.used
    this.used = 0
    for (let index = 0; index < used; index++) this.#slots[index]?.(null, value)
  }
}

function nothing() {}
