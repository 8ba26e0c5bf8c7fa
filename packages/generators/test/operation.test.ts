import type { Done } from '@overlap/workload'
import { describe, expect, test, vi } from 'vitest'
import {
  type Operation,
  type Queue,
  all,
  any,
  latch,
  queue,
  raceFirst,
  run,
  sleep,
  suspend,
} from '../src/operation.ts'

/** A wait that the test answers by hand. */
function manual<A>() {
  const cancel = vi.fn<() => void>()
  const wait = { resume: (() => {}) as Done<A>, cancel, started: false, operation }
  function* operation(): Operation<A> {
    return yield* suspend<A>((resume) => {
      wait.started = true
      wait.resume = resume
      return cancel
    })
  }
  return wait
}

/** A wait that is answered before it has begun. */
const atOnce = <A>(value: A) =>
  suspend<A>((resume) => {
    resume(null, value)
    return () => {}
  })

const microtasks = () => new Promise((resolve) => setImmediate(resolve))

/** The warnings of the process while `body` runs, and shortly after. */
async function warningsOf(body: () => void): Promise<readonly Error[]> {
  const warnings: Error[] = []
  const listener = (warning: Error) => warnings.push(warning)
  process.on('warning', listener)
  body()
  await microtasks()
  process.off('warning', listener)
  return warnings
}

test('runs up to the first wait at once, and to the end when it is answered', () => {
  const wait = manual<number>()
  const done = vi.fn<Done<number>>()
  run(
    (function* () {
      return 1 + (yield* wait.operation())
    })(),
    done,
  )
  expect(wait.started).toBe(true)
  expect(done).not.toHaveBeenCalled()
  wait.resume(null, 41)
  expect(done.mock.calls).toEqual([[null, 42]])
})

test('throws the error of a wait where the operation waits for it', () => {
  const wait = manual<number>()
  const done = vi.fn<Done<string>>()
  run(
    (function* () {
      try {
        yield* wait.operation()
        return 'no error'
      } catch (error) {
        return (error as Error).message
      }
    })(),
    done,
  )
  wait.resume(new Error('lost'))
  expect(done.mock.calls).toEqual([[null, 'lost']])
})

test('throws what a wait throws when it is started', async () => {
  const error = new Error('no socket left')
  const done = vi.fn<Done<never>>()
  run(
    suspend<never>(() => {
      throw error
    }),
    done,
  )
  await microtasks()
  expect(done.mock.calls).toEqual([[error, undefined]])
})

test('what a wait that has thrown answers afterwards comes too late', () => {
  const next = manual<string>()
  const late: { resume?: Done<string> } = {}
  const done = vi.fn<Done<string>>()
  run(
    (function* () {
      try {
        yield* suspend<string>((resume) => {
          late.resume = resume
          throw new Error('thrown')
        })
      } catch {
        return yield* next.operation()
      }
      return 'not thrown'
    })(),
    done,
  )
  late.resume?.(null, 'late')
  expect(done).not.toHaveBeenCalled()
  next.resume(null, 'next')
  expect(done.mock.calls).toEqual([[null, 'next']])
})

test('an operation that never waits calls done, but not before run has returned', async () => {
  const done = vi.fn<Done<number>>()
  // oxlint-disable-next-line require-yield
  function* answer(): Operation<number> {
    return 42
  }
  run(answer(), done)
  expect(done).not.toHaveBeenCalled()
  await microtasks()
  expect(done.mock.calls).toEqual([[null, 42]])
})

test('an operation that never waits and is cancelled stays silent', async () => {
  const done = vi.fn<Done<number>>()
  const cancel = run(atOnce(42), done)
  cancel()
  await microtasks()
  expect(done).not.toHaveBeenCalled()
})

test('takes 100,000 answers that come at once without overflowing the stack', async () => {
  const done = vi.fn<Done<number>>()
  run(
    (function* () {
      let sum = 0
      for (let step = 0; step < 100_000; step++) sum += yield* atOnce(1)
      return sum
    })(),
    done,
  )
  await microtasks()
  expect(done.mock.calls).toEqual([[null, 100_000]])
})

test('takes 100,000 operations in a row that never wait without overflowing the stack', async () => {
  const done = vi.fn<Done<number>>()
  run(
    (function* () {
      let count = 0
      for (let step = 0; step < 100_000; step++) count += 1 + (yield* all()).length
      return count
    })(),
    done,
  )
  await microtasks()
  expect(done.mock.calls).toEqual([[null, 100_000]])
})

test('an operation that has ended answers undefined at once when it is run again', async () => {
  for (const answer of [1, new Error('lost')]) {
    const starts = vi.fn<() => void>()
    function* waiting(): Operation<unknown> {
      return yield* suspended()
    }
    const suspended = () =>
      suspend<unknown>((resume) => {
        starts()
        if (answer instanceof Error) resume(answer)
        else resume(null, answer)
        return () => {}
      })
    for (const operation of [waiting(), suspended()]) {
      const done = vi.fn<Done<unknown>>()
      run(operation, done)
      await microtasks()
      run(operation, done)
      await microtasks()
      expect(done).toHaveBeenNthCalledWith(2, null, undefined)
    }
    expect(starts).toHaveBeenCalledTimes(2)
  }
})

test('drops an answer that comes again, or after the wait is over', () => {
  const [first, second] = [manual<string>(), manual<string>()]
  const done = vi.fn<Done<string[]>>()
  run(
    (function* () {
      return [yield* first.operation(), yield* second.operation()]
    })(),
    done,
  )
  first.resume(null, 'a')
  first.resume(null, 'again')
  second.resume(null, 'b')
  second.resume(new Error('late'))
  expect(done.mock.calls).toEqual([[null, ['a', 'b']]])
})

test('cancel stops the wait, runs finally from the inside out, and stays silent', () => {
  const wait = manual<void>()
  const order: string[] = []
  wait.cancel.mockImplementation(() => order.push('stop'))
  function* inner(): Operation<void> {
    try {
      yield* wait.operation()
    } finally {
      order.push('inner')
    }
  }
  const done = vi.fn<Done<void>>()
  const cancel = run(
    (function* () {
      try {
        yield* inner()
        order.push('never')
      } catch {
        order.push('never')
      } finally {
        order.push('outer')
      }
    })(),
    done,
  )
  cancel()
  expect(order).toEqual(['stop', 'inner', 'outer'])
  wait.resume(null)
  expect(done).not.toHaveBeenCalled()
})

test('cancel twice, or after done, does nothing', () => {
  const [first, second] = [manual<void>(), manual<void>()]
  const done = vi.fn<Done<void>>()
  const cancelFirst = run(first.operation(), done)
  cancelFirst()
  cancelFirst()
  expect(first.cancel).toHaveBeenCalledTimes(1)
  const cancelSecond = run(second.operation(), done)
  second.resume(null)
  cancelSecond()
  expect(second.cancel).not.toHaveBeenCalled()
  expect(done).toHaveBeenCalledTimes(1)
})

test('a wait in a finally block on cancel starts nothing, and the blocks outside of it run', () => {
  const [wait, cleanup] = [manual<void>(), manual<void>()]
  const order: string[] = []
  const cancel = run(
    (function* (): Operation<void> {
      try {
        try {
          yield* wait.operation()
        } finally {
          order.push('before')
          yield* cleanup.operation()
          order.push('never')
        }
      } finally {
        order.push('outside')
      }
    })(),
    () => {},
  )
  cancel()
  expect(order).toEqual(['before', 'outside'])
  expect(cleanup.started).toBe(false)
})

test('a finally block waits like any other code when nobody cancels', () => {
  const [wait, cleanup] = [manual<void>(), manual<void>()]
  const done = vi.fn<Done<void>>()
  run(
    (function* (): Operation<void> {
      try {
        yield* wait.operation()
      } finally {
        yield* cleanup.operation()
      }
    })(),
    done,
  )
  const error = new Error('lost')
  wait.resume(error)
  expect(done).not.toHaveBeenCalled()
  cleanup.resume(null)
  expect(done.mock.calls).toEqual([[error, undefined]])
})

test('an error thrown in finally replaces the one before it when nobody cancels', () => {
  const wait = manual<void>()
  const error = new Error('cleanup failed')
  const done = vi.fn<Done<void>>()
  run(
    (function* () {
      try {
        yield* wait.operation()
      } finally {
        // oxlint-disable-next-line no-unsafe-finally
        throw error
      }
    })(),
    done,
  )
  wait.resume(new Error('lost'))
  expect(done.mock.calls).toEqual([[error, undefined]])
})

test('an error thrown in finally on cancel is a warning, and the blocks outside of it run', async () => {
  const wait = manual<void>()
  const error = new Error('cleanup failed')
  const outside = vi.fn<() => void>()
  const done = vi.fn<Done<void>>()
  const cancel = run(
    (function* () {
      try {
        try {
          yield* wait.operation()
        } finally {
          // oxlint-disable-next-line no-unsafe-finally
          throw error
        }
      } finally {
        outside()
      }
    })(),
    done,
  )
  expect(await warningsOf(cancel)).toEqual([error])
  expect(outside).toHaveBeenCalledTimes(1)
  expect(done).not.toHaveBeenCalled()
})

test('an error thrown by the stop of a wait is a warning, and finally runs', async () => {
  const wait = manual<void>()
  const error = new Error('not stopped')
  wait.cancel.mockImplementation(() => {
    throw error
  })
  const cleanup = vi.fn<() => void>()
  const cancel = run(
    (function* () {
      try {
        yield* wait.operation()
      } finally {
        cleanup()
      }
    })(),
    () => {},
  )
  expect(await warningsOf(cancel)).toEqual([error])
  expect(cleanup).toHaveBeenCalledTimes(1)
})

test('an error thrown by the stop of a wait hides no result, and the waits beside it are stopped', async () => {
  const [first, failing, other] = [manual<string>(), manual<string>(), manual<string>()]
  const error = new Error('not stopped')
  failing.cancel.mockImplementation(() => {
    throw error
  })
  const done = vi.fn<Done<string>>()
  run(raceFirst(first.operation(), failing.operation(), other.operation()), done)
  expect(await warningsOf(() => first.resume(null, 'first'))).toEqual([error])
  expect(other.cancel).toHaveBeenCalledTimes(1)
  expect(done.mock.calls).toEqual([[null, 'first']])
})

test('what is thrown on cancel is a warning although it is no error', async () => {
  const [wait, other] = [manual<void>(), manual<void>()]
  function* failingCleanup(): Operation<void> {
    try {
      yield* wait.operation()
    } finally {
      // oxlint-disable-next-line no-unsafe-finally, no-throw-literal
      throw { code: 'ECONNRESET' }
    }
  }
  const warnings = await warningsOf(run(all(failingCleanup(), other.operation()), () => {}))
  expect(warnings.map(({ message }) => message)).toEqual(["{ code: 'ECONNRESET' }"])
  expect(other.cancel).toHaveBeenCalledTimes(1)
})

test('an operation that cancels itself goes on to its next wait, which starts nothing', () => {
  const [first, second] = [manual<void>(), manual<void>()]
  const order: string[] = []
  const done = vi.fn<Done<void>>()
  let cancel = () => {}
  cancel = run(
    (function* () {
      try {
        yield* first.operation()
        cancel()
        order.push('goes on')
        yield* second.operation()
        order.push('never')
      } finally {
        order.push('finally')
      }
    })(),
    done,
  )
  first.resume(null)
  expect(order).toEqual(['goes on', 'finally'])
  expect(second.started).toBe(false)
  expect(done).not.toHaveBeenCalled()
})

test('an operation that cancels itself and ends stays silent', () => {
  const wait = manual<void>()
  const done = vi.fn<Done<void>>()
  let cancel = () => {}
  cancel = run(
    (function* () {
      yield* wait.operation()
      cancel()
    })(),
    done,
  )
  wait.resume(null)
  expect(done).not.toHaveBeenCalled()
})

test('cancel while a wait is being started stops that wait', async () => {
  const first = manual<void>()
  const stop = vi.fn<() => void>()
  const done = vi.fn<Done<void>>()
  let cancel = () => {}
  cancel = run(
    (function* () {
      yield* first.operation()
      yield* suspend<void>(() => {
        cancel()
        return stop
      })
    })(),
    done,
  )
  first.resume(null)
  await microtasks()
  expect(stop).toHaveBeenCalledTimes(1)
  expect(done).not.toHaveBeenCalled()
})

test('what a wait throws while it is being cancelled is a warning', async () => {
  const wait = manual<void>()
  const error = new Error('thrown')
  const done = vi.fn<Done<void>>()
  const cancel = run(
    (function* () {
      yield* wait.operation()
      yield* suspend<void>(() => {
        cancel()
        throw error
      })
    })(),
    done,
  )
  expect(await warningsOf(() => wait.resume(null))).toEqual([error])
  expect(done).not.toHaveBeenCalled()
})

test('all of no operations returns an empty array without waiting', async () => {
  const done = vi.fn<Done<readonly unknown[]>>()
  run(all(), done)
  await microtasks()
  expect(done.mock.calls).toEqual([[null, []]])
})

test('all starts every operation before one has answered, and keeps their order', () => {
  const [first, second] = [manual<string>(), manual<string>()]
  const done = vi.fn<Done<[string, string]>>()
  run(all(first.operation(), second.operation()), done)
  expect([first.started, second.started]).toEqual([true, true])
  second.resume(null, 'b')
  first.resume(null, 'a')
  expect(done.mock.calls).toEqual([[null, ['a', 'b']]])
})

test('all of operations that never wait returns their results', async () => {
  const done = vi.fn<Done<[number, number]>>()
  run(all(atOnce(1), atOnce(2)), done)
  await microtasks()
  expect(done.mock.calls).toEqual([[null, [1, 2]]])
})

test('all throws the first error after it has cancelled the others', () => {
  const [first, second] = [manual<void>(), manual<void>()]
  const error = new Error('lost')
  let cancelledBefore = false
  run(all(first.operation(), second.operation()), () => {
    cancelledBefore = first.cancel.mock.calls.length === 1
  })
  second.resume(error)
  expect(cancelledBefore).toBe(true)
})

test('all throws the first error itself, although the cleanup of another fails too', async () => {
  const [first, second] = [manual<void>(), manual<void>()]
  const [error, cleanupError] = [new Error('lost'), new Error('cleanup failed')]
  function* failingCleanup(): Operation<void> {
    try {
      yield* first.operation()
    } finally {
      // oxlint-disable-next-line no-unsafe-finally
      throw cleanupError
    }
  }
  const done = vi.fn<Done<unknown>>()
  run(all(failingCleanup(), second.operation()), done)
  expect(await warningsOf(() => second.resume(error))).toEqual([cleanupError])
  expect(done.mock.calls).toEqual([[error, undefined]])
})

test('cancel reaches every operation that all runs', () => {
  const [first, second, third] = [manual<void>(), manual<void>(), manual<void>()]
  const cancel = run(all(first.operation(), all(second.operation(), third.operation())), () => {})
  second.resume(null)
  cancel()
  expect([first, second, third].map((wait) => wait.cancel.mock.calls.length)).toEqual([1, 0, 1])
})

test('an operation that ends while another is being started ends all of them', async () => {
  const [first, second, third] = [manual<void>(), manual<void>(), manual<void>()]
  const error = new Error('lost')
  const done = vi.fn<Done<unknown>>()
  function* failFirst(): Operation<void> {
    first.resume(error)
    yield* second.operation()
  }
  run(all(first.operation(), failFirst(), third.operation()), done)
  await microtasks()
  expect(done.mock.calls).toEqual([[error, undefined]])
  expect(second.started).toBe(false)
  expect(third.started).toBe(false)
})

test('an operation that comes to no start, because another has ended all, can still be run', async () => {
  function* other(): Operation<string> {
    return yield* atOnce('still here')
  }
  const left = other()
  const [first, done] = [manual<void>(), vi.fn<Done<unknown>>()]
  function* failFirst(): Operation<void> {
    first.resume(new Error('lost'))
    yield* manual<void>().operation()
  }
  run(all(first.operation(), failFirst(), left), () => {})
  await microtasks()
  run(left, done)
  await microtasks()
  expect(done.mock.calls).toEqual([[null, 'still here']])
})

describe('a cleanup that answers what runs beside it', () => {
  /** Two that run side by side: the first closes what the second takes from, with `error`, when it is cancelled. */
  function pair(error: Error | null) {
    const values = queue<void>()
    const afterwards = manual<void>()
    function* producer(): Operation<string> {
      try {
        return yield* manual<string>().operation()
      } finally {
        values.close(error)
      }
    }
    function* consumer(): Operation<string> {
      yield* values.take()
      return 'ended by the cleanup'
    }
    function* nestedConsumer(): Operation<string> {
      yield* all(values.take())
      yield* afterwards.operation()
      return 'ended by the cleanup'
    }
    return { producer, consumer, nestedConsumer, afterwards }
  }

  test('changes nothing of how all, any and raceFirst have ended', () => {
    type Together = (...operations: readonly Operation<string>[]) => Operation<unknown>
    const [firstError, secondError] = [new Error('first'), new Error('second')]
    const cases: readonly (readonly [Together, cleanup: Error | null, first: Error | null])[] = [
      [all, secondError, firstError],
      [any, null, null],
      [raceFirst, null, firstError],
      [raceFirst, secondError, null],
    ]
    for (const [together, cleanup, error] of cases) {
      const { producer, consumer } = pair(cleanup)
      const first = manual<string>()
      const done = vi.fn<Done<unknown>>()
      run(together(producer(), consumer(), first.operation()), done)
      first.resume(error, error ? undefined : 'first')
      expect(done.mock.calls).toEqual([error ? [error, undefined] : [null, 'first']])
    }
  })

  test('makes nothing go on when both are cancelled', () => {
    const { producer, nestedConsumer, afterwards } = pair(null)
    run(all(producer(), nestedConsumer()), () => {})()
    expect(afterwards.started).toBe(false)
  })
})

test('an operation that cancels what it runs in goes on to its next wait, which starts nothing', async () => {
  const [before, own, other] = [manual<void>(), manual<void>(), manual<void>()]
  const order: string[] = []
  let cancel = () => {}
  function* cancelAll(): Operation<void> {
    try {
      cancel()
      order.push('goes on')
      yield* own.operation()
    } finally {
      order.push('finally')
    }
  }
  cancel = run(
    (function* () {
      yield* before.operation()
      yield* all(cancelAll(), other.operation())
    })(),
    () => {},
  )
  before.resume(null)
  expect(order).toEqual(['goes on', 'finally'])
  expect([own.started, other.started]).toEqual([false, false])
})

describe('what is on the stack', () => {
  test('unwinds before what it runs in, when it cancels that', () => {
    const [wait, next] = [manual<void>(), manual<void>()]
    const order: string[] = []
    let cancel = () => {}
    function* cancelAll(): Operation<void> {
      try {
        yield* wait.operation()
        cancel()
        order.push('goes on')
        yield* next.operation()
      } finally {
        order.push('inner')
      }
    }
    function* nested(): Operation<void> {
      try {
        yield* all(cancelAll())
      } finally {
        order.push('middle')
      }
    }
    const done = vi.fn<Done<void>>()
    cancel = run(
      (function* () {
        try {
          yield* all(nested())
        } finally {
          order.push('outer')
        }
      })(),
      done,
    )
    wait.resume(null)
    expect(order).toEqual(['goes on', 'inner', 'middle', 'outer'])
    expect(next.started).toBe(false)
    expect(done).not.toHaveBeenCalled()
  })

  test('unwinds before anything goes on, when it answers what ends all, any and raceFirst', () => {
    type Together = (...operations: readonly Operation<void>[]) => Operation<unknown>
    const cases: readonly (readonly [Together, error: Error | null])[] = [
      [all, new Error('lost')],
      [any, null],
      [raceFirst, null],
      [raceFirst, new Error('lost')],
    ]
    for (const [together, error] of cases) {
      const [first, wait, next] = [manual<void>(), manual<void>(), manual<void>()]
      const order: (string | Error | null)[] = []
      function* answerFirst(): Operation<void> {
        try {
          yield* wait.operation()
          first.resume(error)
          order.push('goes on')
          yield* next.operation()
        } finally {
          order.push('finally')
        }
      }
      run(together(first.operation(), answerFirst()), (told) => order.push(told))
      wait.resume(null)
      expect(order).toEqual(['goes on', 'finally', error])
      expect(next.started).toBe(false)
    }
  })

  test('has nothing running when done is called, although its cleanup answers what ends all', () => {
    const [first, winner, last] = [manual<string>(), manual<string>(), manual<string>()]
    function* answerFirst(): Operation<void> {
      try {
        yield* manual<void>().operation()
      } finally {
        first.resume(null, 'first')
      }
    }
    const order: unknown[] = []
    last.cancel.mockImplementation(() => order.push('stop'))
    const losers = all(answerFirst(), last.operation())
    run(
      raceFirst<unknown>(first.operation(), raceFirst<unknown>(losers, winner.operation())),
      (_error, result) => order.push(result),
    )
    winner.resume(null, 'winner')
    expect(order).toEqual(['stop', 'first'])
  })
})

test('what an operation throws after it has cancelled what it runs in is a warning', async () => {
  const before = manual<void>()
  const error = new Error('thrown')
  const done = vi.fn<Done<unknown>>()
  let cancel = () => {}
  // oxlint-disable-next-line require-yield
  function* cancelAll(): Operation<void> {
    cancel()
    throw error
  }
  cancel = run(
    (function* () {
      yield* before.operation()
      yield* all(cancelAll())
    })(),
    done,
  )
  expect(await warningsOf(() => before.resume(null))).toEqual([error])
  expect(done).not.toHaveBeenCalled()
})

test('any returns the first success after it has cancelled the others', () => {
  const [first, second, third] = [manual<string>(), manual<string>(), manual<string>()]
  const done = vi.fn<Done<string>>()
  run(any(first.operation(), second.operation(), third.operation()), done)
  first.resume(new Error('lost'))
  expect(done).not.toHaveBeenCalled()
  second.resume(null, 'b')
  expect(third.cancel).toHaveBeenCalledTimes(1)
  expect(done.mock.calls).toEqual([[null, 'b']])
})

test('any throws the errors of all in the order of the operations', () => {
  const [first, second] = [manual<void>(), manual<void>()]
  const [firstError, secondError] = [new Error('first'), new Error('second')]
  const done = vi.fn<Done<void>>()
  run(any(first.operation(), second.operation()), done)
  second.resume(secondError)
  first.resume(firstError)
  const error = done.mock.calls[0]?.[0]
  expect(error).toBeInstanceOf(AggregateError)
  expect((error as AggregateError).message).toBe('every operation has failed')
  expect((error as AggregateError).errors).toEqual([firstError, secondError])
})

test('any of no operations throws an AggregateError of no errors without waiting', async () => {
  const done = vi.fn<Done<never>>()
  run(any<never>(), done)
  await microtasks()
  const error = done.mock.calls[0]?.[0]
  expect(error).toBeInstanceOf(AggregateError)
  expect((error as AggregateError).errors).toEqual([])
})

test('cancel reaches every operation that any runs', () => {
  const [first, second] = [manual<void>(), manual<void>()]
  const done = vi.fn<Done<void>>()
  const cancel = run(any(first.operation(), second.operation()), done)
  first.resume(new Error('lost'))
  cancel()
  expect(second.cancel).toHaveBeenCalledTimes(1)
  expect(done).not.toHaveBeenCalled()
})

test('raceFirst ends as the first to end, after it has cancelled the others', () => {
  const [first, second] = [manual<void>(), manual<void>()]
  const error = new Error('lost')
  const done = vi.fn<Done<void>>()
  run(raceFirst(first.operation(), second.operation()), done)
  second.resume(error)
  expect(first.cancel).toHaveBeenCalledTimes(1)
  expect(done.mock.calls).toEqual([[error, undefined]])
})

test('an error in done is the caller’s, and disturbs no other run', () => {
  const [first, second] = [manual<void>(), manual<void>()]
  const error = new Error('thrown by done')
  run(first.operation(), () => {
    throw error
  })
  const done = vi.fn<Done<void>>()
  run(second.operation(), done)
  expect(() => first.resume(null)).toThrow(error)
  second.resume(null)
  expect(done).toHaveBeenCalledTimes(1)
})

test('raceFirst ends as the first to end, and has cancelled the others by then', () => {
  for (const error of [null, new Error('lost')]) {
    const [first, second] = [manual<number>(), manual<number>()]
    const done = vi.fn<Done<number>>((..._answer) => expect(first.cancel).toHaveBeenCalledTimes(1))
    run(raceFirst(first.operation(), second.operation()), done)
    if (error) second.resume(error)
    else second.resume(null, 2)
    expect(done.mock.calls).toEqual([error ? [error, undefined] : [null, 2]])
    first.resume(null, 1)
    expect(done).toHaveBeenCalledTimes(1)
  }
})

test('raceFirst ends with an operation that does not wait, and cancels what began before it', async () => {
  const wait = manual<number>()
  const done = vi.fn<Done<number>>()
  run(raceFirst(wait.operation(), atOnce(2)), done)
  await microtasks()
  expect(done.mock.calls).toEqual([[null, 2]])
  expect(wait.cancel).toHaveBeenCalledTimes(1)
})

test('raceFirst of no operations never ends', async () => {
  const done = vi.fn<Done<never>>()
  run(raceFirst<never>(), done)
  await microtasks()
  expect(done).not.toHaveBeenCalled()
})

test('cancel reaches every operation of raceFirst', () => {
  const [first, second] = [manual<void>(), manual<void>()]
  run(raceFirst(first.operation(), second.operation()), () => {})()
  expect([first, second].map((wait) => wait.cancel.mock.calls.length)).toEqual([1, 1])
})

test('sleep waits for as long as it says, and leaves no timer when it is cancelled', () => {
  vi.useFakeTimers()
  try {
    const done = vi.fn<Done<void>>()
    run(sleep(100), done)
    vi.advanceTimersByTime(99)
    expect(done).not.toHaveBeenCalled()
    vi.advanceTimersByTime(1)
    expect(done.mock.calls).toEqual([[null, undefined]])
    const cancel = run(sleep(100), done)
    cancel()
    expect(vi.getTimerCount()).toBe(0)
    expect(done).toHaveBeenCalledTimes(1)
  } finally {
    vi.useRealTimers()
  }
})

describe('a latch', () => {
  test('lets all go on who wait when it opens, but not in the turn in which it is opened', async () => {
    const { open, wait } = latch()
    const done = vi.fn<Done<void>>()
    run(wait(), done)
    run(wait(), done)
    await microtasks()
    expect(done).not.toHaveBeenCalled()
    open()
    expect(done).not.toHaveBeenCalled()
    await microtasks()
    expect(done.mock.calls).toEqual([
      [null, undefined],
      [null, undefined],
    ])
  })

  test('holds up nobody once it is open, and opens once', async () => {
    const { open, wait } = latch()
    const done = vi.fn<Done<void>>()
    run(wait(), done)
    open()
    open()
    run(wait(), done)
    expect(done).not.toHaveBeenCalled()
    await microtasks()
    expect(done).toHaveBeenCalledTimes(2)
  })

  test('lets a wait be cancelled, before it opens and in the turn in which it does', async () => {
    const { open, wait } = latch()
    const done = vi.fn<Done<void>>()
    run(wait(), done)()
    const cancel = run(wait(), done)
    open()
    cancel()
    run(wait(), done)()
    await microtasks()
    expect(done).not.toHaveBeenCalled()
  })
})

describe('a queue', () => {
  const taken = <A>(values: Queue<A>) => {
    const done = vi.fn<Done<IteratorResult<A, void>>>()
    return { done, cancel: run(values.take(), done) }
  }

  test('hands values to those who wait, first come, first served', () => {
    const values = queue<number>()
    const [first, second] = [taken(values), taken(values)]
    expect(first.done).not.toHaveBeenCalled()
    values.put(1)
    values.put(2)
    expect(first.done.mock.calls).toEqual([[null, { value: 1 }]])
    expect(second.done.mock.calls).toEqual([[null, { value: 2 }]])
  })

  test('keeps what nobody has waited for, in its order', async () => {
    const values = queue<number | undefined>()
    for (const value of [1, undefined, 3]) values.put(value)
    const takers = [taken(values), taken(values), taken(values)]
    await microtasks()
    expect(takers.map(({ done }) => done.mock.calls)).toEqual([
      [[null, { value: 1 }]],
      [[null, { value: undefined }]],
      [[null, { value: 3 }]],
    ])
  })

  test('a take that is cancelled while it waits takes no value', () => {
    const values = queue<number>()
    const [first, second] = [taken(values), taken(values)]
    first.cancel()
    values.put(1)
    expect(first.done).not.toHaveBeenCalled()
    expect(second.done.mock.calls).toEqual([[null, { value: 1 }]])
  })

  test('a take that finds a value has taken it, although it is cancelled in the same turn', async () => {
    const values = queue<number>()
    values.put(1)
    values.put(2)
    const first = taken(values)
    first.cancel()
    const second = taken(values)
    await microtasks()
    expect(first.done).not.toHaveBeenCalled()
    expect(second.done.mock.calls).toEqual([[null, { value: 2 }]])
  })

  test('closed, tells those who wait and those who come, after what is in it', async () => {
    const over = { done: true, value: undefined }
    const [empty, full] = [queue<number>(), queue<number>()]
    const waiting = taken(empty)
    empty.close(null)
    expect(waiting.done.mock.calls).toEqual([[null, over]])
    full.put(1)
    full.close(null)
    const takers = [taken(full), taken(full), taken(full)]
    await microtasks()
    expect(takers.map(({ done }) => done.mock.calls)).toEqual([
      [[null, { value: 1 }]],
      [[null, over]],
      [[null, over]],
    ])
  })

  test('closed with an error, throws it in whoever takes', async () => {
    const values = queue<number>()
    const error = new Error('lost')
    const waiting = taken(values)
    values.close(error)
    const late = taken(values)
    await microtasks()
    for (const { done } of [waiting, late]) expect(done.mock.calls[0]?.[0]).toBe(error)
  })
})
