import {
  type Call,
  type Cancel,
  type Done,
  OverloadedError,
  type RegulateInput,
  type Regulated,
  type Regulator,
  checkRegulate,
  checkRegulated,
  toPromise,
} from '@overlap/workload'
import { call, wrong } from './fault.ts'

interface Waiting extends Regulated {
  readonly rank: number
  readonly start: () => void
}

/** All of one key. */
interface Lane {
  readonly key: string
  waiting: Waiting[]
  running: number
  nextStartMs: number
  timer: NodeJS.Timeout | undefined
}

/** The regulator done right, in parts that can be done wrong. */
class Gate implements Regulator {
  readonly input: RegulateInput
  readonly lanes = new Map<string, Lane>()

  constructor(input: RegulateInput) {
    this.input = input
  }

  get keys(): number {
    const known = [...this.lanes.values()].filter(
      ({ waiting, running, nextStartMs }) => waiting.length > 0 || running > 0 || nextStartMs > this.now(),
    )
    return known.length
  }

  async through<A>(request: Regulated, work: Call<void, A>, signal: AbortSignal): Promise<A> {
    this.check(request)
    signal.throwIfAborted()
    const lane = this.laneOf(request.key)
    await this.turn(lane, request, signal)
    try {
      return await this.run(work, signal)
    } finally {
      this.leave(lane)
    }
  }

  check(request: Regulated): void {
    checkRegulated(request)
  }

  laneOf(key: string): Lane {
    const known = this.lanes.get(key)
    if (known) return known
    const lane: Lane = { key, waiting: [], running: 0, nextStartMs: -Infinity, timer: undefined }
    this.lanes.set(key, lane)
    return lane
  }

  run<A>(work: Call<void, A>, signal: AbortSignal): Promise<A> {
    return call(work, undefined, signal)
  }

  /** Resolves with a place. */
  turn(lane: Lane, { key, urgency }: Regulated, signal: AbortSignal): Promise<void> {
    return toPromise((done) => {
      const one = { key, urgency, rank: this.rank(urgency), start: () => done(null) }
      const leave = () => {
        lane.waiting = lane.waiting.filter((other) => other !== one)
        this.advance(lane)
      }
      lane.waiting.push(one)
      this.advance(lane)
      if (!this.isFull(lane)) return leave
      leave()
      throw new OverloadedError(key)
    }, signal)
  }

  isFull({ waiting }: Lane): boolean {
    return waiting.length > this.input.queue
  }

  rank(urgency: number): number {
    return this.now() + urgency * this.input.agingMs
  }

  now(): number {
    return performance.now()
  }

  leave(lane: Lane): void {
    lane.running--
    this.advance(lane)
  }

  first({ waiting }: Lane): Waiting | undefined {
    let best = waiting[0]
    for (const one of waiting) if (best && one.rank < best.rank) best = one
    return best
  }

  hasPlace({ running }: Lane): boolean {
    return running < this.input.limit
  }

  spacingMs(): number {
    const { perSecond } = this.input
    return perSecond === undefined ? 0 : Math.ceil(1_000 / perSecond)
  }

  advance(lane: Lane): void {
    clearTimeout(lane.timer)
    for (let next = this.first(lane); next && this.hasPlace(lane); next = this.first(lane)) {
      const restMs = lane.nextStartMs - this.now()
      if (restMs > 0) {
        lane.timer = setTimeout(() => this.advance(lane), restMs)
        return
      }
      const started = next
      lane.waiting = lane.waiting.filter((other) => other !== started)
      lane.running++
      lane.nextStartMs = this.now() + this.spacingMs()
      started.start()
    }
    this.forget(lane)
  }

  /** Once it has nothing to say. */
  forget({ key, waiting, running, nextStartMs }: Lane): void {
    if (waiting.length === 0 && running === 0 && nextStartMs <= this.now()) this.lanes.delete(key)
  }
}

export function regulate(input: RegulateInput): Regulator {
  checkRegulate(input)
  return new Gate(input)
}

const wrongGate = (name: string, fails: readonly string[], Faulty: new (input: RegulateInput) => Regulator) =>
  wrong(name, fails, {
    regulate(input) {
      checkRegulate(input)
      return new Faulty(input)
    },
  })

export const wrongRegulates = [
  wrongGate(
    'lets one more through',
    ['limit by key', 'place given on', 'any schedule'],
    class extends Gate {
      override hasPlace({ running }: Lane) {
        return running <= this.input.limit
      }
    },
  ),
  wrongGate(
    'has one limit for all keys',
    ['limit by key', 'full queue', 'any schedule'],
    class extends Gate {
      override laneOf() {
        return super.laneOf('all')
      }
    },
  ),
  wrongGate(
    'gives the place of a failure to nobody',
    ['place given on', 'any schedule'],
    class extends Gate {
      override async through<A>(request: Regulated, work: Call<void, A>, signal: AbortSignal) {
        checkRegulated(request)
        signal.throwIfAborted()
        const lane = this.laneOf(request.key)
        await this.turn(lane, request, signal)
        const result = await this.run(work, signal)
        this.leave(lane)
        return result
      }
    },
  ),
  wrongGate(
    'gives the place of an abort on twice',
    ['place given on', 'abort while running', 'any schedule'],
    class extends Gate {
      override async through<A>(request: Regulated, work: Call<void, A>, signal: AbortSignal) {
        const lane = this.laneOf(request.key)
        const twice: Call<void, A> = (_, done) => {
          const cancel = work(undefined, done)
          return () => {
            cancel()
            this.leave(lane)
          }
        }
        return super.through(request, twice, signal)
      }
    },
  ),
  wrongGate(
    'gives the place on before it has cancelled',
    ['abort while running', 'any schedule'],
    class extends Gate {
      override run<A>(work: Call<void, A>, signal: AbortSignal) {
        return toPromise<A>((done) => {
          const cancel = work(undefined, done)
          return () => void setImmediate(cancel)
        }, signal)
      }
    },
  ),
  wrongGate(
    'goes by arrival, however urgent',
    ['urgent first', 'smoothed', 'any schedule'],
    class extends Gate {
      override rank() {
        return this.now()
      }
    },
  ),
  wrongGate(
    'takes the last of equals first',
    ['by arrival', 'smoothed', 'any schedule'],
    class extends Gate {
      override first({ waiting }: Lane) {
        return waiting.toReversed().toSorted((a, b) => a.rank - b.rank)[0]
      }
    },
  ),
  wrongGate(
    'has the urgent go first for ever',
    ['by arrival', 'aging', 'nobody starves', 'any schedule'],
    class extends Gate {
      override rank(urgency: number) {
        return urgency
      }
    },
  ),
  wrongGate(
    'takes the more urgent one of equal rank',
    ['aging'],
    class extends Gate {
      override first({ waiting }: Lane) {
        return waiting.toSorted((a, b) => a.rank - b.rank || a.urgency - b.urgency)[0]
      }
    },
  ),
  wrongGate(
    'goes by the wall clock',
    ['monotonic clock'],
    class extends Gate {
      override now() {
        return Date.now()
      }
    },
  ),
  wrongGate(
    'counts the starts in each second',
    ['rate', 'smoothed', 'any schedule'],
    class extends Gate {
      readonly starts = new Map<string, number>()
      override advance(lane: Lane) {
        const { perSecond } = this.input
        if (perSecond !== undefined) {
          const second = Math.floor(this.now() / 1_000)
          const count = this.starts.get(`${lane.key} ${second}`) ?? 0
          lane.nextStartMs = count < perSecond ? -Infinity : (second + 1) * 1_000
          if (lane.waiting.length > 0 && count < perSecond)
            this.starts.set(`${lane.key} ${second}`, count + 1)
        }
        super.advance(lane)
      }
    },
  ),
  wrongGate(
    'starts the next one a ms early',
    ['rate', 'rate and limit', 'smoothed', 'no queue', 'forgotten', 'any schedule'],
    class extends Gate {
      override spacingMs() {
        return Math.max(super.spacingMs() - 1, 0)
      }
    },
  ),
  wrongGate(
    'rounds the time between two starts down',
    ['rate'],
    class extends Gate {
      override spacingMs() {
        return Math.floor(1_000 / (this.input.perSecond ?? Infinity))
      }
    },
  ),
  wrongGate(
    'waits from the end of the last work on',
    ['rate and limit', 'any schedule'],
    class extends Gate {
      override leave(lane: Lane) {
        lane.nextStartMs = this.now() + this.spacingMs()
        super.leave(lane)
      }
    },
  ),
  wrongGate(
    'does not count the start of who was aborted',
    ['rate', 'any schedule'],
    class extends Gate {
      override async through<A>(request: Regulated, work: Call<void, A>, signal: AbortSignal) {
        try {
          return await super.through(request, work, signal)
        } catch (error) {
          const lane = this.laneOf(request.key)
          if (signal.aborted) lane.nextStartMs = -Infinity
          this.advance(lane)
          throw error
        }
      }
    },
  ),
  wrongGate(
    'has one more wait',
    ['full queue', 'no queue', 'any schedule'],
    class extends Gate {
      override isFull({ waiting }: Lane) {
        return waiting.length > this.input.queue + 1
      }
    },
  ),
  wrongGate(
    'counts those who run as waiting',
    ['full queue', 'any schedule'],
    class extends Gate {
      override isFull({ waiting, running }: Lane) {
        return waiting.length > 0 && waiting.length + running > this.input.queue
      }
    },
  ),
  wrongGate(
    'starts who has left the line',
    ['abort while waiting', 'any schedule'],
    class extends Gate {
      override through<A>(request: Regulated, work: Call<void, A>, signal: AbortSignal) {
        return toPromise<A>((done) => {
          const heard = new AbortController()
          let [isStarted, isDeaf] = [false, false]
          const start: Call<void, A> = (_, told) => {
            isStarted = true
            return work(undefined, told)
          }
          const tell: Done<A> = (error, value) => void (isDeaf || done(error, value))
          super.through(request, start, heard.signal).then((value) => tell(null, value), tell)
          return () => {
            isDeaf = true
            if (isStarted) heard.abort(signal.reason)
          }
        }, signal)
      }
    },
  ),
  wrongGate(
    'lets the work run on',
    ['abort while running', 'place given on', 'at every step', 'any schedule'],
    class extends Gate {
      override run<A>(work: Call<void, A>, signal: AbortSignal) {
        return toPromise<A>((done) => {
          let isDeaf = false
          work(undefined, (error, value) => isDeaf || done(error, value))
          return () => {
            isDeaf = true
          }
        }, signal)
      }
    },
  ),
  wrongGate(
    'loses the place of who is aborted when its turn has come',
    ['abort when its turn comes'],
    class extends Gate {
      override async turn(lane: Lane, request: Regulated, signal: AbortSignal) {
        await super.turn(lane, request, signal)
        signal.throwIfAborted()
      }
    },
  ),
  wrongGate(
    'tells who has left that too many wait',
    ['abort when refused'],
    class extends Gate {
      override through<A>(request: Regulated, work: Call<void, A>, signal: AbortSignal) {
        const lane = this.laneOf(request.key)
        const isFull = !this.hasPlace(lane) && lane.waiting.length >= this.input.queue
        if (!isFull) return super.through(request, work, signal)
        return toPromise<A>((done) => {
          setImmediate(done, new OverloadedError(request.key))
          return () => {}
        }, signal)
      }
    },
  ),
  wrongGate(
    'has a timer for who waits for a place',
    ['no idle timer'],
    class extends Gate {
      override advance(lane: Lane) {
        super.advance(lane)
        if (lane.waiting.length === 0 || this.hasPlace(lane)) return
        lane.timer = setTimeout(() => this.advance(lane), Math.max(lane.nextStartMs - this.now(), 0))
      }
    },
  ),
  wrongGate(
    'keeps every key',
    ['forgotten', 'any schedule'],
    class extends Gate {
      override get keys() {
        return this.lanes.size
      }
      override forget() {}
    },
  ),
  wrongGate(
    'forgets the rate with the key',
    ['forgotten', 'any schedule'],
    class extends Gate {
      override forget({ key, waiting, running }: Lane) {
        if (waiting.length === 0 && running === 0) this.lanes.delete(key)
      }
    },
  ),
  wrongGate(
    'has a timer although nobody waits',
    ['nothing left', 'no idle timer', 'any schedule'],
    class extends Gate {
      override advance(lane: Lane) {
        super.advance(lane)
        if (lane.waiting.length > 0 || lane.nextStartMs <= this.now()) return
        lane.timer = setTimeout(() => this.advance(lane), lane.nextStartMs - this.now())
      }
    },
  ),
  wrongGate(
    'starts the next one from within the end of the last',
    ['many in line'],
    class extends Gate {
      override through<A>(request: Regulated, work: Call<void, A>, signal: AbortSignal) {
        checkRegulated(request)
        return toPromise<A>((done) => {
          const lane = this.laneOf(request.key)
          let stop: Cancel = () => {}
          const end: Done<A> = (error, value) => {
            this.leave(lane)
            done(error, value)
          }
          const start = () => {
            try {
              stop = work(undefined, end)
            } catch (error) {
              end(error as Error)
            }
          }
          const one = { ...request, rank: this.rank(request.urgency), start }
          const leave = () => {
            stop()
            if (lane.waiting.includes(one)) lane.waiting = lane.waiting.filter((other) => other !== one)
            else lane.running--
            this.advance(lane)
          }
          lane.waiting.push(one)
          this.advance(lane)
          if (!this.isFull(lane)) return leave
          leave()
          throw new OverloadedError(request.key)
        }, signal)
      }
    },
  ),
  wrong('takes any limit, rate, queue and urgency', ['wrong input'], {
    regulate: (input) =>
      new (class extends Gate {
        override check() {}
      })(input),
  }),
]
