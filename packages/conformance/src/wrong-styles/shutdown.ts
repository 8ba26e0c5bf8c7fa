import {
  type Availability,
  type AvailabilityService,
  ClosedError,
  type Port,
  type ShutdownInput,
  type Sku,
  checkShutdown,
  toPromise,
} from '@overlap/workload'
import { combine } from './combine.ts'
import { never, sleep, wrong } from './fault.ts'

/** The service done right, in parts that can be done wrong. */
class Service implements AvailabilityService {
  readonly port: Port
  readonly graceMs: number
  readonly running = new Set<Promise<Availability>>()
  /** Aborts when the grace is over. */
  readonly overdue = new AbortController()
  closed: Promise<void> | undefined

  constructor(port: Port, { graceMs }: ShutdownInput) {
    this.port = port
    this.graceMs = graceMs
  }

  answer(sku: Sku, signal: AbortSignal): Promise<Availability> {
    if (signal.aborted) return Promise.reject(signal.reason as Error)
    return this.closed ? Promise.reject(new ClosedError()) : this.start(sku, signal)
  }

  /** What runs is what the caller has: so whoever waits for both is told of the answer first. */
  start(sku: Sku, signal: AbortSignal): Promise<Availability> {
    const wanted = AbortSignal.any([signal, this.overdue.signal])
    const answering = this.combine(sku, wanted).finally(() => this.running.delete(answering))
    this.running.add(answering)
    return answering
  }

  combine(sku: Sku, signal: AbortSignal): Promise<Availability> {
    return combine(this.port, sku, signal)
  }

  close(): Promise<void> {
    this.closed ??= this.drain()
    return this.closed
  }

  async drain(): Promise<void> {
    const finished = this.finished()
    await Promise.race([finished, sleep(this.graceMs, this.overdue.signal)])
    this.overdue.abort(new ClosedError())
    await finished
  }

  async finished(): Promise<void> {
    await Promise.allSettled(this.running)
  }
}

export function shutdown(port: Port, input: ShutdownInput): AvailabilityService {
  checkShutdown(input)
  return new Service(port, input)
}

const wrongService = (
  name: string,
  fails: readonly string[],
  Faulty: new (port: Port, input: ShutdownInput) => AvailabilityService,
) =>
  wrong(name, fails, {
    shutdown(port, input) {
      checkShutdown(input)
      return new Faulty(port, input)
    },
  })

export const wrongShutdowns = [
  wrongService(
    'drops what runs when it is closed',
    ['within the grace', 'equal work', 'any schedule'],
    class extends Service {
      override async drain() {
        this.overdue.abort(new ClosedError())
        await this.finished()
      }
    },
  ),
  wrongService(
    'waits for ever for what runs',
    ['after the grace', 'closing twice', 'no grace', 'many at once', 'at every step'],
    class extends Service {
      override drain() {
        return this.finished()
      }
    },
  ),
  wrongService(
    'waits out the grace although nothing runs',
    ['closed when idle', 'within the grace', 'any schedule'],
    class extends Service {
      override async drain() {
        const finished = this.finished()
        await sleep(this.graceMs, never)
        this.overdue.abort(new ClosedError())
        await finished
      }
    },
  ),
  wrongService(
    'leaves the timer of the grace',
    ['at every step', 'closed when idle', 'any schedule'],
    class extends Service {
      override async drain() {
        const finished = this.finished()
        await Promise.race([finished, sleep(this.graceMs, never)])
        this.overdue.abort(new ClosedError())
        await finished
      }
    },
  ),
  wrongService(
    'starts new work after it is closed',
    ['after close', 'any schedule'],
    class extends Service {
      override answer(sku: Sku, signal: AbortSignal) {
        return this.start(sku, signal)
      }
    },
  ),
  wrongService(
    'tells who has left that it is closed',
    ['abort when refused'],
    class extends Service {
      override answer(sku: Sku, signal: AbortSignal) {
        if (!this.closed) return super.answer(sku, signal)
        return toPromise<never>((done) => {
          setImmediate(done, new ClosedError())
          return () => {}
        }, signal)
      }
    },
  ),
  wrongService(
    'has a second close restart the grace',
    ['closing twice'],
    class extends Service {
      extended = new AbortController()
      override close() {
        this.extended.abort()
        this.extended = new AbortController()
        this.closed = this.drain()
        return this.closed
      }
      override async drain() {
        const finished = this.finished()
        const restarted = this.extended.signal
        await Promise.race([finished, sleep(this.graceMs, AbortSignal.any([this.overdue.signal, restarted]))])
          .then(() => this.overdue.abort(new ClosedError()))
          .catch(() => {})
        await finished
      }
    },
  ),
  wrongService(
    'has a second close cut the grace short',
    ['closing twice', 'any schedule'],
    class extends Service {
      override close() {
        if (this.closed) this.overdue.abort(new ClosedError())
        return super.close()
      }
    },
  ),
  wrongService(
    'is closed before the work is over',
    ['closed when idle', 'within the grace', 'any schedule'],
    class extends Service {
      override close() {
        void super.close()
        return Promise.resolve()
      }
    },
  ),
  wrongService(
    'is closed before it has told its answers',
    ['closed when idle', 'any schedule'],
    class extends Service {
      override start(sku: Sku, signal: AbortSignal) {
        return super.start(sku, signal).finally(() => new Promise((resolve) => setImmediate(resolve)))
      }
    },
  ),
  wrongService(
    'cuts off one ms early',
    ['after the grace', 'any schedule'],
    class extends Service {
      constructor(port: Port, { graceMs }: ShutdownInput) {
        super(port, { graceMs: graceMs - 1 })
      }
    },
  ),
  wrongService(
    'has its grace begin when it is opened',
    ['after the grace'],
    class extends Service {
      readonly openedAtMs = Date.now()
      override async drain() {
        const finished = this.finished()
        const leftMs = this.openedAtMs + this.graceMs - Date.now()
        await Promise.race([finished, sleep(Math.max(leftMs, 0), this.overdue.signal)])
        this.overdue.abort(new ClosedError())
        await finished
      }
    },
  ),
  wrongService(
    'abandons what runs when the grace is over',
    ['after the grace', 'at every step', 'many at once'],
    class extends Service {
      override combine(sku: Sku, signal: AbortSignal) {
        signal.throwIfAborted()
        const { promise, reject } = Promise.withResolvers<never>()
        const deaf = new AbortController()
        signal.addEventListener('abort', () => {
          if (!this.overdue.signal.aborted) deaf.abort(signal.reason)
          reject(signal.reason as Error)
        })
        return Promise.race([combine(this.port, sku, deaf.signal), promise])
      }
    },
  ),
  wrongService(
    'says that it was aborted when it was closed',
    ['after the grace', 'any schedule'],
    class extends Service {
      override async drain() {
        const finished = this.finished()
        await Promise.race([finished, sleep(this.graceMs, this.overdue.signal)])
        this.overdue.abort()
        await finished
      }
    },
  ),
  wrongService(
    'ends all answers with the first that fails',
    ['each for itself', 'any schedule'],
    class extends Service {
      override combine(sku: Sku, signal: AbortSignal) {
        return super.combine(sku, signal).catch((error: unknown) => {
          this.overdue.abort(error)
          throw error
        })
      }
    },
  ),
  wrongService(
    'keeps every answer that it has given',
    ['answers forgotten'],
    class extends Service {
      readonly given: Availability[] = []
      override async combine(sku: Sku, signal: AbortSignal) {
        const answer = await super.combine(sku, signal)
        this.given.push(answer)
        return answer
      }
    },
  ),
  wrongService(
    'takes no grace for an endless one',
    ['no grace'],
    class extends Service {
      override drain() {
        return this.graceMs === 0 ? this.finished() : super.drain()
      }
    },
  ),
  wrongService(
    'takes the longest grace for none',
    ['longest grace'],
    class extends Service {
      constructor(port: Port, { graceMs }: ShutdownInput) {
        // A signed 32-bit integer overflows: Node fires after 1 ms.
        super(port, { graceMs: graceMs === 2 ** 31 - 1 ? 1 : graceMs })
      }
    },
  ),
  wrong('takes any number for a grace', ['wrong input'], {
    shutdown: (port, input) => new Service(port, input),
  }),
]
