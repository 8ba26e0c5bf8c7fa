/**
 * A small structured-concurrency runtime: operations that can wait, and be stopped while they wait.
 *
 * An operation is a generator that yields what it waits for, which knows how to begin that and how to stop it.
 * `run` goes on with the generator when the answer comes. An operation that runs
 * others waits for them, or stops them: nothing outlives its parent.
 *
 * What waits and what runs are objects with methods, where closures would say the same: there is one of them for each
 * call that is in flight, and a closure with what it holds on to takes twice the memory.
 *
 * Source: the driver is that of co (https://github.com/tj/co); cancelling with
 * `Generator.prototype.return`, which runs `finally` blocks, is effection's (https://frontside.com/effection).
 */
import { inspect } from 'node:util'
import type { Call, Cancel, Done } from '@overlap/workload'

/**
 * A computation that can wait, as a `function*` makes it. Read `yield*` as `await`.
 *
 * It runs once: when it has ended, whoever runs it again is answered `undefined` at once.
 */
export interface Operation<A> {
  [Symbol.iterator](): Steps<A>
}

/** What `yield*` and `run` make of an operation: a generator, or what has the same methods. */
interface Steps<A> extends Iterator<Wait<unknown>, A, unknown> {
  throw(error: unknown): IteratorResult<Wait<unknown>, A>
  return(value: A): IteratorResult<Wait<unknown>, A>
}

/** An operation that waits once: it yields itself, and returns the answer. */
abstract class Wait<A> implements Operation<A>, Steps<A> {
  #begun = false

  /** Begins what is waited for, which resumes `waiter` once, at once or later, with the number that it is given. */
  abstract begin(waiter: Waiter, turn: number): void
  abstract stop(): void

  /** Whether some of what `stop` has cancelled is on the stack yet. Then it tells the waiter later to go on. */
  get isStopping(): boolean {
    return false
  }

  next(answer: unknown): IteratorResult<Wait<A>, A> {
    // A cast, because no type can say which answer belongs to which `yield`.
    if (this.#begun) return { done: true, value: answer as A }
    this.#begun = true
    return { done: false, value: this }
  }

  throw(error: unknown): never {
    throw error
  }

  return(value: A): IteratorResult<Wait<A>, A> {
    return { done: true, value }
  }

  [Symbol.iterator](): Steps<A> {
    return this
  }
}

interface Waiter {
  /** Whether it has been cancelled, or is about to be, because what runs it has: then no answer counts. */
  readonly isCancelled: boolean
  resume(turn: number, error: unknown, value: unknown): void
  /** Unwinds, if it has been cancelled and had to wait with that for what is on the stack. */
  goOn(): void
}

/** Waits for a cancellable callback. Throws its error, or what `start` throws. */
export function suspend<A>(start: (resume: Done<A>) => Cancel): Operation<A> {
  return new WaitForCall((_: void, resume: Done<A>) => start(resume), undefined)
}

/** Waits for a call of the port: as `suspend`, and without a closure for each. */
export function wait<I, A>(call: Call<I, A>, input: I): Operation<A> {
  return new WaitForCall(call, input)
}

class WaitForCall<I, A> extends Wait<A> {
  readonly #call: Call<I, A>
  readonly #input: I
  #cancel: Cancel | undefined

  constructor(call: Call<I, A>, input: I) {
    super()
    this.#call = call
    this.#input = input
  }

  begin(waiter: Waiter, turn: number): void {
    const call = this.#call
    this.#cancel = call(this.#input, (error, value) => waiter.resume(turn, error, value))
  }

  stop(): void {
    this.#cancel?.()
  }
}

/**
 * Runs an operation to its end. It starts at once, and goes on whenever an answer comes.
 *
 * `done` is called once, with what the operation returns or throws: never before `run` has returned,
 * even when the operation never waits, and never after cancel.
 *
 * Cancel stops what the operation waits for and runs its `finally` blocks, from the inside out, before
 * it returns. These cannot wait any more: a `yield` in one starts nothing and ends that block. Nor does one
 * make another go on that runs beside it: an answer to what is about to be stopped counts for nothing. An
 * operation that cancels itself, or what it runs in, goes on to its next `yield` before that. An error
 * thrown after cancel, by a `finally` block or by the stopping itself, has nobody to go to: it becomes a
 * warning of the process, and all else is stopped.
 *
 * Answers that come at once are taken in a loop, so the stack does not bound their number.
 */
export function run<A>(operation: Operation<A>, done: Done<A>): Cancel {
  const root = new Root(operation, done)
  root.start()
  return () => root.cancel()
}

/** An operation that runs. */
abstract class Run<A> implements Waiter {
  readonly #steps: Steps<A>
  #waiting: Wait<unknown> | null = null
  /** How many waits have begun or ended: an answer to any but the present one comes too late. */
  #turn = 0
  /** What it goes on with: an error to throw, or the value of the present `yield`. */
  #failed = false
  #answer: unknown = undefined
  #phase: 'new' | 'starting' | 'advancing' | 'waiting' | 'ended' = 'new'
  #cancelled = false

  constructor(operation: Operation<A>) {
    this.#steps = operation[Symbol.iterator]()
  }

  /** Hears of the end, once: never before `start` has returned, and never after cancel. */
  protected abstract tell(error: Error | null, result: A | undefined): void

  start(): void {
    this.#advance('starting')
  }

  /** Hears that it may have unwound, later than `cancel` has returned. */
  protected unwound(): void {}

  /** One that has not been started is left as it is. */
  cancel(): void {
    if (this.#cancelled || this.#phase === 'new') return
    this.#cancelled = true
    // From inside itself, `advance` is still on the stack: it unwinds at the next `yield`.
    if (!this.#isAdvancing) this.#unwind()
  }

  resume(turn: number, error: unknown, value: unknown): void {
    if (turn !== this.#turn || this.isCancelled) return
    this.#turn++
    this.#failed = Boolean(error)
    this.#answer = error ?? value
    if (!this.#isAdvancing) this.#advance('advancing')
  }

  get isCancelled(): boolean {
    return this.#cancelled
  }

  get isRunning(): boolean {
    return this.#phase !== 'new' && this.#phase !== 'ended'
  }

  get #isAdvancing(): boolean {
    return this.#phase === 'starting' || this.#phase === 'advancing'
  }

  /** Goes on for as long as answers come at once. */
  #advance(phase: 'starting' | 'advancing') {
    this.#phase = phase
    while (this.#step());
    if (this.#isAdvancing) this.#phase = 'waiting'
    this.goOn()
  }

  goOn(): void {
    if (!this.#cancelled) return
    this.#unwind()
    this.unwound()
  }

  /** Goes on to the next `yield`. Tells whether what it waits for there has come already. */
  #step(): boolean {
    const answer = this.#answer
    this.#answer = undefined
    this.#waiting = null
    let result: IteratorResult<Wait<unknown>, A>
    try {
      result = this.#failed ? this.#steps.throw(answer) : this.#steps.next(answer)
    } catch (error) {
      this.#end(error as Error)
      return false
    }
    if (result.done) {
      this.#end(null, result.value)
      return false
    }
    if (this.isCancelled) return false
    const turn = ++this.#turn
    try {
      this.#waiting = result.value
      result.value.begin(this, turn)
    } catch (error) {
      this.#waiting = null
      this.#turn++
      if (this.isCancelled) warn(error)
      this.#failed = true
      this.#answer = error
    }
    return turn !== this.#turn && !this.isCancelled
  }

  #end(error: Error | null, result?: A) {
    const isStarting = this.#phase === 'starting'
    this.#phase = 'ended'
    if (this.isCancelled) {
      if (error) warn(error)
    } else if (isStarting) queueMicrotask(() => this.#cancelled || this.tell(error, result))
    else this.tell(error, result)
  }

  #unwind() {
    try {
      this.#waiting?.stop()
    } catch (error) {
      warn(error)
    }
    if (this.#waiting?.isStopping) return
    while (this.#phase !== 'ended') {
      try {
        if (this.#steps.return(undefined as A).done) this.#phase = 'ended'
      } catch (error) {
        this.#end(error as Error)
      }
    }
  }
}

/** Tells of what has been thrown where nobody catches it. */
function warn(error: unknown) {
  process.emitWarning(error instanceof Error ? error : inspect(error))
}

/** The one that has no parent. */
class Root<A> extends Run<A> {
  readonly #done: Done<A>

  constructor(operation: Operation<A>, done: Done<A>) {
    super(operation)
    this.#done = done
  }

  protected tell(error: Error | null, result: A | undefined): void {
    this.#done(error, result)
  }
}

/** Runs operations at the same time, until one of their ends is that of all. Then it cancels those that still run. */
abstract class Together<A, B> extends Wait<B> {
  readonly #branches: readonly Branch<A>[]
  #waiter: Waiter | null = null
  #turn = 0
  #over = false
  #tell: (() => void) | undefined

  constructor(operations: readonly Operation<A>[]) {
    super()
    this.#branches = operations.map((operation, index) => new Branch(operation, index, this))
  }

  /** Whether that goes for the branches, because one of them has ended all, or for whoever waits for them. */
  get isCancelled(): boolean {
    return this.#over || this.#waiter?.isCancelled === true
  }

  /** Hears of the end of each, by its place. */
  abstract ended(index: number, error: Error | null, result: A | undefined): void

  begin(waiter: Waiter, turn: number): void {
    this.#waiter = waiter
    this.#turn = turn
    for (const branch of this.#branches) {
      branch.start()
      // To start one may end another that runs already, and with it everything, or cancel what waits here.
      if (this.isCancelled) break
    }
  }

  stop(): void {
    this.#over = true
    for (const branch of this.#branches) branch.cancel()
  }

  override get isStopping(): boolean {
    return this.#branches.some((branch) => branch.isRunning)
  }

  protected end(error: Error | null, result?: B): void {
    this.stop()
    this.#tell = () => this.#waiter?.resume(this.#turn, error, result)
    this.unwound()
  }

  /** What waits for the branches goes on once all of them have unwound, also one that is on the stack. */
  unwound(): void {
    if (this.isStopping) return
    if (this.#waiter?.isCancelled) this.#waiter.goOn()
    else this.#tell?.()
  }
}

class Branch<A> extends Run<A> {
  readonly #index: number
  readonly #parent: Together<A, unknown>

  constructor(operation: Operation<A>, index: number, parent: Together<A, unknown>) {
    super(operation)
    this.#index = index
    this.#parent = parent
  }

  override get isCancelled(): boolean {
    return this.#parent.isCancelled
  }

  protected tell(error: Error | null, result: A | undefined): void {
    this.#parent.ended(this.#index, error, result)
  }

  protected override unwound(): void {
    this.#parent.unwound()
  }
}

type Results<T extends readonly Operation<unknown>[]> = {
  -readonly [K in keyof T]: T[K] extends Operation<infer A> ? A : never
}

/**
 * Runs operations at the same time, and returns their results in the order of the operations.
 *
 * Throws the first error, after it has cancelled the others. Of no operations, returns `[]` without
 * waiting.
 */
export function all<const T extends readonly Operation<unknown>[]>(...operations: T): Operation<Results<T>> {
  return new All<Results<T>>(operations)
}

class All<R extends unknown[]> extends Together<unknown, R> {
  // A cast, because a tuple cannot be filled in the order of arrival.
  readonly #results = [] as unknown[] as R
  #missing: number

  constructor(operations: readonly Operation<unknown>[]) {
    super(operations)
    this.#missing = operations.length
  }

  override begin(waiter: Waiter, turn: number): void {
    super.begin(waiter, turn)
    if (this.#missing === 0) this.end(null, this.#results)
  }

  ended(index: number, error: Error | null, result: unknown): void {
    if (error) return this.end(error)
    this.#results[index] = result
    if (--this.#missing === 0) this.end(null, this.#results)
  }
}

/**
 * Runs operations at the same time, and returns the result of the first that succeeds, after it has
 * cancelled the others.
 *
 * Throws an `AggregateError` once all have failed, with their errors in the order of the operations. Of
 * no operations, throws it without waiting.
 */
export function any<A>(...operations: readonly Operation<A>[]): Operation<A> {
  return new Any(operations)
}

class Any<A> extends Together<A, A> {
  readonly #errors: Error[] = []
  #missing: number

  constructor(operations: readonly Operation<A>[]) {
    super(operations)
    this.#missing = operations.length
  }

  override begin(waiter: Waiter, turn: number): void {
    super.begin(waiter, turn)
    if (this.#missing === 0) this.#fail()
  }

  ended(index: number, error: Error | null, result: A | undefined): void {
    if (!error) return this.end(null, result)
    this.#errors[index] = error
    if (--this.#missing === 0) this.#fail()
  }

  #fail() {
    this.end(new AggregateError(this.#errors, 'every operation has failed'))
  }
}

/**
 * Runs operations at the same time, and ends as the first of them to end: with its result or its error,
 * after it has cancelled the others. Of no operations, it never ends.
 */
export function raceFirst<A>(...operations: readonly Operation<A>[]): Operation<A> {
  return new RaceFirst(operations)
}

class RaceFirst<A> extends Together<A, A> {
  ended(_index: number, error: Error | null, result: A | undefined): void {
    this.end(error, result)
  }
}

/** Waits for `ms`. Cancelled, it leaves no timer. */
export function sleep(ms: number): Operation<void> {
  return suspend((resume) => {
    const timer = setTimeout(resume, ms, null)
    return () => clearTimeout(timer)
  })
}

/** Something that happens once, and that any number of operations can wait for. */
export interface Latch {
  /** Lets all go on who wait, and whoever comes later. Opening it twice is opening it once. */
  readonly open: () => void
  readonly wait: () => Operation<void>
}

/** Makes a latch. Whoever waits goes on in a microtask, so that whoever opens it is done with its turn first. */
export function latch(): Latch {
  const waiting = new Set<() => void>()
  let isOpen = false
  return {
    open() {
      isOpen = true
      for (const goOn of waiting) queueMicrotask(goOn)
      waiting.clear()
    },
    wait: () =>
      suspend((resume) => {
        const goOn = () => resume(null)
        if (isOpen) queueMicrotask(goOn)
        else waiting.add(goOn)
        return () => waiting.delete(goOn)
      }),
  }
}

/** Values that wait for those who take them, or the other way round: first in, first out. */
export interface Queue<A> {
  readonly put: (value: A) => void
  /** What is in it can still be taken. Then `take` returns that it is done, or throws the error. */
  readonly close: Done<void>
  /** Waits for a value. Cancelled while it waits, it takes none. */
  readonly take: () => Operation<IteratorResult<A, void>>
}

export function queue<A>(): Queue<A> {
  const kept: A[] = []
  const takers = new Set<Done<IteratorResult<A, void>>>()
  const over: IteratorResult<A, void> = { done: true, value: undefined }
  let closed: { readonly error: Error | null } | undefined
  return {
    put(value) {
      const [taker] = takers
      if (!taker) kept.push(value)
      else {
        takers.delete(taker)
        taker(null, { value })
      }
    },
    close(error) {
      closed = { error }
      const waiting = [...takers]
      takers.clear()
      for (const taker of waiting) taker(error, over)
    },
    take: () =>
      suspend((resume) => {
        if (kept.length > 0) resume(null, { value: kept.shift() as A })
        else if (closed) resume(closed.error, over)
        else takers.add(resume)
        return () => takers.delete(resume)
      }),
  }
}
