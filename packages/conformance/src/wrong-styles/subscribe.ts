import {
  type Cancel,
  type Channel,
  type Done,
  type Message,
  OverflowError,
  type Port,
  type Style,
  type SubscribeInput,
  type Subscription,
  checkSubscribe,
  toAsyncIterable,
} from '@overlap/workload'
import { wrong } from './fault.ts'

/** What `Listening` is made of. */
interface Parts {
  readonly port: Port
  readonly input: SubscribeInput
  readonly signal: AbortSignal
  readonly emit: (message: Message) => void
  readonly done: Done<void>
}

/** A subscription done right, in parts that can be done wrong. */
class Listening implements Subscription {
  readonly parts: Parts
  readonly cancels: Cancel[] = []
  readonly unread: Message[] = []
  requested = 0

  constructor(parts: Parts) {
    this.parts = parts
    this.open()
  }

  open() {
    try {
      for (const channel of this.parts.input.channels) this.listen(channel)
    } catch (error) {
      this.release()
      throw error
    }
  }
  listen(channel: Channel) {
    const source = this.parts.port.listen(channel)
    this.cancels.push(
      source(
        (message) => this.receive(message),
        (error) => this.fail(error),
      ),
    )
  }
  receive(message: Message) {
    if (this.requested > 0) {
      this.requested--
      this.parts.emit(message)
    } else if (this.unread.length < this.parts.input.capacity) this.unread.push(message)
    else this.overflow(message)
  }
  overflow(_message: Message) {
    this.fail(new OverflowError(this.parts.input.capacity))
  }
  request() {
    const message = this.take()
    if (message) this.parts.emit(message)
    else this.requested++
  }
  take() {
    return this.unread.shift()
  }
  fail(error: Error | null) {
    this.release()
    this.parts.done(error)
  }
  cancel() {
    this.release()
  }
  release() {
    for (const cancel of this.cancels) cancel()
  }
}

const subscribeWith =
  (How: new (parts: Parts) => Subscription): Style['subscribe'] =>
  (port, input, signal) =>
    toAsyncIterable((emit, done) => {
      checkSubscribe(input)
      return new How({ port, input, signal, emit, done })
    }, signal)

export const subscribe = subscribeWith(Listening)

const wrongListening = (name: string, fails: readonly string[], Faulty: new (parts: Parts) => Subscription) =>
  wrong(name, fails, { subscribe: subscribeWith(Faulty) })

/** A subscription, whose reader is tampered with. */
const wrongReader = (
  name: string,
  fails: readonly string[],
  tamper: (
    ...parts: Parameters<Style['subscribe']>
  ) => () => Pick<Required<AsyncIterator<Message>>, 'next' | 'return'>,
) =>
  wrong(name, fails, {
    subscribe: (port, input, signal) => ({ [Symbol.asyncIterator]: tamper(port, input, signal) }),
  })

/** The iterator of the right one, which can be left. */
function read(...parts: Parameters<Style['subscribe']>) {
  const reader = subscribe(...parts)[Symbol.asyncIterator]()
  return {
    next: () => reader.next(),
    return: async () => (await reader.return?.()) ?? { done: true, value: undefined },
  }
}

export const wrongSubscribes = [
  wrongReader('listens before it is pulled', ['lazy'], (...parts) => () => {
    const reader = read(...parts)
    const first = reader.next()
    first.catch(() => {})
    let pulled = false
    return {
      ...reader,
      next() {
        const next = pulled ? reader.next() : first
        pulled = true
        return next
      },
    }
  }),
  wrongListening(
    'listens to a channel when the one before it has sent something',
    ['lazy', 'equal work', 'any schedule'],
    class extends Listening {
      override open() {
        this.listenToNext()
      }
      listenToNext() {
        const channel = this.parts.input.channels[this.cancels.length]
        if (channel !== undefined) this.listen(channel)
      }
      override receive(message: Message) {
        if (message.channel === this.parts.input.channels[this.cancels.length - 1]) this.listenToNext()
        super.receive(message)
      }
    },
  ),
  wrongListening(
    'reads each channel in a loop of its own',
    ['order'],
    class extends Listening {
      override listen(channel: Channel) {
        const messages = toAsyncIterable<Message>(
          (emit, done) => ({ request() {}, cancel: this.parts.port.listen(channel)(emit, done) }),
          this.parts.signal,
        )
        const reader = messages[Symbol.asyncIterator]()
        const receiveAll = async () => {
          for (let next = await reader.next(); !next.done; next = await reader.next())
            this.receive(next.value)
        }
        receiveAll().catch((error: Error) => this.parts.signal.aborted || this.fail(error))
        this.cancels.push(() => void reader.return?.())
      }
    },
  ),
  wrongListening(
    'takes the next message when it has handed over the last',
    ['burst', 'order'],
    class extends Listening {
      handingOver = false
      override receive(message: Message) {
        if (this.handingOver) return
        this.handingOver = true
        queueMicrotask(() => (this.handingOver = false))
        super.receive(message)
      }
    },
  ),
  wrongListening(
    'hands over one message in each turn of the loop',
    ['keeps up'],
    class extends Listening {
      ended = false
      override request() {
        setImmediate(() => this.ended || super.request())
      }
      override release() {
        this.ended = true
        super.release()
      }
    },
  ),
  wrongListening(
    'yields the newest message first',
    ['order', 'capacity', 'slow consumer', 'any schedule'],
    class extends Listening {
      override take() {
        return this.unread.pop()
      }
    },
  ),
  wrongListening(
    'yields copies',
    ['order'],
    class extends Listening {
      override receive(message: Message) {
        super.receive({ ...message })
      }
    },
  ),
  wrongListening(
    'leaves out what has no text',
    ['gap'],
    class extends Listening {
      override receive(message: Message) {
        if (message.text !== null) super.receive(message)
      }
    },
  ),
  wrongListening(
    'has room for one message less',
    ['capacity', 'any schedule'],
    class extends Listening {
      override receive(message: Message) {
        const isFull = this.requested === 0 && this.unread.length >= this.parts.input.capacity - 1
        if (isFull) this.overflow(message)
        else super.receive(message)
      }
    },
  ),
  wrongListening(
    'has room for one message more',
    ['overflow', 'any schedule'],
    class extends Listening {
      override overflow(message: Message) {
        if (this.unread.length === this.parts.input.capacity) this.unread.push(message)
        else super.overflow(message)
      }
    },
  ),
  wrongListening(
    'has room for everything',
    ['overflow', 'overflow in one tick', 'any schedule'],
    class extends Listening {
      override overflow(message: Message) {
        this.unread.push(message)
      }
    },
  ),
  wrongListening(
    'drops what it has no room for',
    ['overflow', 'overflow in one tick', 'any schedule'],
    class extends Listening {
      override overflow() {}
    },
  ),
  wrongListening(
    'drops the oldest message to make room',
    ['overflow', 'overflow in one tick', 'any schedule'],
    class extends Listening {
      override overflow(message: Message) {
        this.unread.shift()
        this.unread.push(message)
      }
    },
  ),
  wrongListening(
    'never makes room again',
    ['capacity', 'slow consumer', 'any schedule'],
    class extends Listening {
      kept = 0
      override receive(message: Message) {
        const isFull = this.requested === 0 && this.kept++ >= this.parts.input.capacity
        if (isFull) this.overflow(message)
        else super.receive(message)
      }
    },
  ),
  wrongListening(
    'notices that it is full when it is asked',
    ['overflow', 'any schedule'],
    class extends Listening {
      isFull = false
      override overflow() {
        this.isFull = true
      }
      override request() {
        if (this.isFull) this.fail(new OverflowError(this.parts.input.capacity))
        else super.request()
      }
    },
  ),
  wrongListening(
    'fails for each message that is too many',
    ['overflow in one tick'],
    class extends Listening {
      override fail(error: Error | null) {
        this.parts.done(error)
        queueMicrotask(() => this.release())
      }
    },
  ),
  wrongListening(
    'keeps its failure until everything has been read',
    ['overflow', 'failure', 'any schedule'],
    class extends Listening {
      failure: Error | null | undefined
      override fail(error: Error | null) {
        this.release()
        this.failure = error
        if (this.unread.length === 0) super.fail(error)
      }
      override request() {
        if (this.failure && this.unread.length === 0) super.fail(this.failure)
        else super.request()
      }
    },
  ),
  wrongListening(
    'goes on without a channel that has failed',
    ['first error', 'failure', 'any schedule'],
    class extends Listening {
      override fail(error: Error | null) {
        if (error instanceof OverflowError) super.fail(error)
      }
    },
  ),
  wrongListening(
    'releases no other channel when one has failed',
    ['failure', 'nothing outlives it', 'at every step', 'any schedule'],
    class extends Listening {
      override fail(error: Error | null) {
        if (error instanceof OverflowError) super.fail(error)
        else this.parts.done(error)
      }
    },
  ),
  wrongListening(
    'releases the first channel alone',
    ['abort', 'leaving', 'leaving at rest', 'at every step', 'any schedule'],
    class extends Listening {
      override release() {
        this.cancels[0]?.()
      }
    },
  ),
  wrongListening(
    'goes on listening when its reader has left',
    ['nothing outlives it', 'leaving', 'leaving at rest', 'any schedule'],
    class extends Listening {
      override cancel() {
        if (this.parts.signal.aborted) this.release()
      }
    },
  ),
  wrongListening(
    'goes on listening when it has overflowed',
    ['overflow', 'any schedule'],
    class extends Listening {
      override overflow() {
        if (this.requested === 0) this.parts.done(new OverflowError(this.parts.input.capacity))
        // What still comes is of no use.
        this.receive = () => {}
      }
    },
  ),
  wrongReader('lets its reader leave when the next message has come', ['leaving'], (...parts) => () => {
    const reader = read(...parts)
    let last: Promise<unknown> = Promise.resolve()
    return {
      next() {
        const next = reader.next()
        last = next.catch(() => {})
        return next
      },
      return: () => last.then(reader.return),
    }
  }),
  wrongReader(
    'hears an abort when it is asked',
    ['abort', 'leaving at rest'],
    (port, input, signal) => () => {
      const heard = new AbortController()
      const reader = read(port, input, heard.signal)
      return {
        ...reader,
        next() {
          if (signal.aborted) heard.abort(signal.reason)
          return reader.next()
        },
      }
    },
  ),
  wrongReader('listens once for all its readers', ['two readers'], (...parts) => {
    const reader = read(...parts)
    return () => reader
  }),
  wrongListening(
    'leaves open what it has opened when another channel throws',
    ['cannot listen'],
    class extends Listening {
      override open() {
        for (const channel of this.parts.input.channels) this.listen(channel)
      }
    },
  ),
  wrong('subscribes to whatever it is given', ['wrong input'], {
    subscribe: (port, input, signal) =>
      toAsyncIterable((emit, done) => new Listening({ port, input, signal, emit, done }), signal),
  }),
]
