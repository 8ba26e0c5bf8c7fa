/**
 * A small structured-concurrency runtime: operations that can wait, and be stopped while they wait.
 *
 * An operation is a generator that yields what it waits for, as a function which starts that and hands
 * back how to stop it. `run` goes on with the generator when the answer comes. An operation that runs
 * others waits for them, or stops them: nothing outlives its parent.
 *
 * Source: the driver is that of co (https://github.com/tj/co); cancelling with
 * `Generator.prototype.return`, which runs `finally` blocks, is effection's (https://frontside.com/effection).
 */
import type { Cancel, Done } from '@overlap/workload'

/** Starts what the operation waits for, which resumes it once, at once or later, and hands back how to stop. */
type Suspend = (resume: Done<unknown>) => Cancel

/** A computation that can wait. Read `yield*` as `await`. */
export type Operation<A> = Generator<Suspend, A, unknown>

/** Waits for a cancellable callback. Throws its error, or what `start` throws. */
export function* suspend<A>(start: (resume: Done<A>) => Cancel): Operation<A> {
  // A cast, because the type of a generator cannot say which answer belongs to which `yield`.
  return (yield start) as A
}

/**
 * Runs an operation to its end. It starts at once, and goes on whenever an answer comes.
 *
 * `done` is called once, with what the operation returns or throws: never before `run` has returned,
 * even when the operation never waits, and never after cancel.
 *
 * Cancel stops what the operation waits for and runs its `finally` blocks, from the inside out, before
 * it returns. These cannot wait any more: a `yield` in one starts nothing and ends that block. An
 * operation that cancels itself goes on to its next `yield`. An error thrown after cancel has nobody
 * to go to: it becomes a warning of the process.
 *
 * Answers that come at once are taken in a loop, so the stack does not bound their number.
 */
export function run<A>(operation: Operation<A>, done: Done<A>): Cancel {
  let stop: Cancel = nothing
  /** How many waits have begun or ended: an answer to any but the present one comes too late. */
  let turn = 0
  let returned = false
  let advancing = false
  let cancelled = false
  let ended = false

  function advance(method: 'next' | 'throw', answer: unknown) {
    advancing = true
    let again = true
    while (again) {
      again = false
      stop = nothing
      let result: IteratorResult<Suspend, A>
      try {
        result = operation[method](answer)
      } catch (error) {
        end(error as Error)
        break
      }
      if (result.done) {
        end(null, result.value)
        break
      }
      if (cancelled) break
      const wait = ++turn
      try {
        stop = result.value((error, value) => {
          if (wait !== turn || cancelled) return
          turn++
          method = error ? 'throw' : 'next'
          answer = error ?? value
          if (advancing) again = true
          else advance(method, answer)
        })
      } catch (error) {
        turn++
        if (cancelled) process.emitWarning(error as Error)
        method = 'throw'
        answer = error
        again = true
      }
      if (cancelled) break
    }
    advancing = false
    if (cancelled) unwind()
  }

  function end(error: Error | null, value?: A) {
    ended = true
    if (cancelled) {
      if (error) process.emitWarning(error)
    } else if (returned) done(error, value)
    else queueMicrotask(() => cancelled || done(error, value))
  }

  function unwind() {
    stop()
    while (!ended) {
      try {
        ended = operation.return(undefined as A).done ?? false
      } catch (error) {
        end(error as Error)
      }
    }
  }

  advance('next', undefined)
  returned = true

  return () => {
    if (cancelled) return
    cancelled = true
    // From inside itself, `advance` is still on the stack: it unwinds at the next `yield`.
    if (!advancing) unwind()
  }
}

function nothing() {}

/**
 * Runs operations at the same time until `end` is called, and then cancels those that still run.
 * `onEnd` hears of the end of each, by its place.
 */
function* together<A, B>(
  operations: readonly Operation<A>[],
  onEnd: (end: Done<B>, index: number, error: Error | null, result: A | undefined) => void,
): Operation<B> {
  return yield* suspend<B>((resume) => {
    const cancels: Cancel[] = []
    let over = false
    function cancel() {
      over = true
      for (const stop of cancels) stop()
    }
    const end: Done<B> = (error, result) => {
      cancel()
      resume(error, result)
    }
    for (const [index, operation] of operations.entries()) {
      cancels.push(run(operation, (error, result) => onEnd(end, index, error, result)))
      // To start one operation may end another that runs already, and with it everything.
      if (over) {
        cancel()
        break
      }
    }
    return cancel
  })
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
export function* all<const T extends readonly Operation<unknown>[]>(...operations: T): Operation<Results<T>> {
  const results: unknown[] = []
  let missing = operations.length
  if (missing > 0) {
    yield* together<unknown, void>(operations, (end, index, error, result) => {
      if (error) return end(error)
      results[index] = result
      if (--missing === 0) end(null)
    })
  }
  // A cast, because a tuple cannot be filled in the order of arrival.
  return results as Results<T>
}

/**
 * Runs operations at the same time, and returns the result of the first that succeeds, after it has
 * cancelled the others.
 *
 * Throws an `AggregateError` once all have failed, with their errors in the order of the operations. Of
 * no operations, throws it without waiting.
 */
export function* any<A>(...operations: readonly Operation<A>[]): Operation<A> {
  const errors: Error[] = []
  let missing = operations.length
  const message = 'every operation has failed'
  if (missing === 0) throw new AggregateError(errors, message)
  return yield* together<A, A>(operations, (end, index, error, result) => {
    if (!error) return end(null, result)
    errors[index] = error
    if (--missing === 0) end(new AggregateError(errors, message))
  })
}

/**
 * Runs operations at the same time, and ends as the first of them to end: with its result or its error,
 * after it has cancelled the others. Of no operations, it never ends.
 */
export function* raceFirst<A>(...operations: readonly Operation<A>[]): Operation<A> {
  return yield* together<A, A>(operations, (end, _index, error, result) => end(error, result))
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
  /** Waits for a value. Cancelled, it takes none. */
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
