import { getEventListeners } from 'node:events'
import { describe, expect, test, vi } from 'vitest'
import { type Start, toAsyncIterable } from '../src/index.ts'

/** A sequence that the test drives by hand. */
function manual<A = number>() {
  const request = vi.fn<() => void>()
  const cancel = vi.fn<() => void>()
  const start = vi.fn<Start<A>>((...[emit, done]) => {
    Object.assign(sequence, { emit, done })
    return { request, cancel }
  })
  const [emit, done]: Parameters<Start<A>> = [() => {}, () => {}]
  const sequence = { start, request, cancel, emit, done }
  return sequence
}

const never = new AbortController().signal
const end = { done: true, value: undefined }
const value = <A>(one: A) => ({ done: false, value: one })

function iterate<A>(start: Start<A>, signal = never, unread?: 'all' | 'newest') {
  const iterator = toAsyncIterable(start, signal, unread)[Symbol.asyncIterator]()
  return {
    next: () => Promise.resolve(iterator.next()),
    leave: () => iterator.return?.(),
  }
}

describe('reading', () => {
  test('starts with the first next(), once, and every next() requests one value', async () => {
    const { start, request, ...sequence } = manual()
    const reader = iterate(start)
    expect(start).not.toHaveBeenCalled()
    const first = reader.next()
    expect([start.mock.calls.length, request.mock.calls.length]).toEqual([1, 1])
    const second = reader.next()
    expect([start.mock.calls.length, request.mock.calls.length]).toEqual([1, 2])
    expect(sequence.cancel).not.toHaveBeenCalled()
    await reader.leave()
    expect(await Promise.all([first, second])).toEqual([end, end])
  })

  test('also a next() that finds an unread value requests one more', async () => {
    const sequence = manual()
    const reader = iterate(sequence.start)
    const first = reader.next()
    for (const one of [1, 2, 3]) sequence.emit(one)
    expect(await Promise.all([first, reader.next()])).toEqual([value(1), value(2)])
    expect(sequence.request).toHaveBeenCalledTimes(2)
  })

  test('each iterator starts a sequence of its own', () => {
    const { start } = manual()
    const iterable = toAsyncIterable(start, never)
    void iterable[Symbol.asyncIterator]().next()
    void iterable[Symbol.asyncIterator]().next()
    expect(start).toHaveBeenCalledTimes(2)
  })

  test('hands over the values in their order, to those who wait and to those who come later', async () => {
    const sequence = manual()
    const reader = iterate(sequence.start)
    const waiting = [reader.next(), reader.next()]
    for (const one of [1, 2, 3, 4]) sequence.emit(one)
    sequence.done(null)
    const later = [reader.next(), reader.next(), reader.next(), reader.next()]
    expect(await Promise.all([...waiting, ...later])).toEqual([...[1, 2, 3, 4].map(value), end, end])
  })

  test('hands over undefined, unread too, as any other value', async () => {
    const sequence = manual<number | undefined>()
    const reader = iterate(sequence.start)
    const first = reader.next()
    sequence.emit(undefined)
    sequence.emit(undefined)
    sequence.emit(3)
    expect(await Promise.all([first, reader.next(), reader.next()])).toEqual(
      [undefined, undefined, 3].map(value),
    )
  })

  test('told so, keeps only the newest of what is unread', async () => {
    const sequence = manual()
    const reader = iterate(sequence.start, never, 'newest')
    const first = reader.next()
    for (const one of [1, 2, 3]) sequence.emit(one)
    sequence.done(null)
    expect(await Promise.all([first, reader.next(), reader.next()])).toEqual([value(1), value(3), end])
  })

  test('takes values, and the end, that come before request or start has returned', async () => {
    const { signal } = new AbortController()
    const cancel = vi.fn<() => void>()
    const inRequest = iterate<number>((emit, done) => {
      const left = [1, 2]
      return { request: () => left.splice(0, 1).map(emit).length > 0 || done(null), cancel }
    }, signal)
    expect([await inRequest.next(), await inRequest.next(), await inRequest.next()]).toEqual([
      value(1),
      value(2),
      end,
    ])
    const request = vi.fn<() => void>()
    const inStart = iterate<number>((emit, done) => {
      emit(1)
      done(null)
      return { request, cancel }
    }, signal)
    expect([await inStart.next(), await inStart.next()]).toEqual([value(1), end])
    expect(request).not.toHaveBeenCalled()
    expect(getEventListeners(signal, 'abort')).toEqual([])
  })
})

describe('failing', () => {
  const error = new Error('lost')

  test('an error goes to the next() that waits; those behind it are told of the end', async () => {
    const sequence = manual()
    const reader = iterate(sequence.start)
    const waiting = [reader.next(), reader.next()]
    sequence.done(error)
    expect(await Promise.allSettled([...waiting, reader.next()])).toEqual([
      { status: 'rejected', reason: error },
      { status: 'fulfilled', value: end },
      { status: 'fulfilled', value: end },
    ])
    expect(sequence.cancel).not.toHaveBeenCalled()
  })

  test('when nobody waits, to the next() that follows, once, and before what is unread', async () => {
    const sequence = manual()
    const reader = iterate(sequence.start)
    const first = reader.next()
    sequence.emit(1)
    sequence.emit(2)
    sequence.done(error)
    expect(await first).toEqual(value(1))
    await expect(reader.next()).rejects.toBe(error)
    expect(await reader.next()).toEqual(end)
    expect(sequence.request).toHaveBeenCalledTimes(1)
  })

  test('rejects with what start throws, and does not start again', async () => {
    const start = vi.fn<Start<number>>(() => {
      throw error
    })
    const { signal } = new AbortController()
    const reader = iterate(start, signal)
    await expect(reader.next()).rejects.toBe(error)
    expect(await reader.next()).toEqual(end)
    expect(start).toHaveBeenCalledTimes(1)
    expect(getEventListeners(signal, 'abort')).toEqual([])
  })

  test('rejects with what request throws, and cancels', async () => {
    const sequence = manual()
    const { signal } = new AbortController()
    const reader = iterate(sequence.start, signal)
    sequence.request.mockImplementation(() => {
      throw error
    })
    await expect(reader.next()).rejects.toBe(error)
    expect(sequence.cancel).toHaveBeenCalledTimes(1)
    expect(getEventListeners(signal, 'abort')).toEqual([])
  })
})

describe('aborting', () => {
  const reason = new Error('the reader has left')

  test('cancels, and rejects the next() that waits with the reason itself', async () => {
    const sequence = manual()
    const controller = new AbortController()
    const reader = iterate(sequence.start, controller.signal)
    const waiting = [reader.next(), reader.next()]
    controller.abort('a string')
    expect(sequence.cancel).toHaveBeenCalledTimes(1)
    await expect(waiting[0]).rejects.toBe('a string')
    expect(await waiting[1]).toEqual(end)
    expect(await reader.next()).toEqual(end)
  })

  test('when nobody waits, tells the next() that follows, before what is unread', async () => {
    const sequence = manual()
    const controller = new AbortController()
    const reader = iterate(sequence.start, controller.signal)
    const first = reader.next()
    sequence.emit(1)
    sequence.emit(2)
    controller.abort(reason)
    expect(sequence.cancel).toHaveBeenCalledTimes(1)
    expect(await first).toEqual(value(1))
    await expect(reader.next()).rejects.toBe(reason)
    expect(await reader.next()).toEqual(end)
  })

  test('comes before what is unread also after the sequence has ended', async () => {
    const sequence = manual()
    const controller = new AbortController()
    const reader = iterate(sequence.start, controller.signal)
    const first = reader.next()
    sequence.emit(1)
    sequence.emit(2)
    sequence.done(null)
    expect(getEventListeners(controller.signal, 'abort')).toEqual([])
    controller.abort(reason)
    expect(await first).toEqual(value(1))
    await expect(reader.next()).rejects.toBe(reason)
  })

  test('comes before an error, and before the end, that nobody has been told of', async () => {
    for (const error of [new Error('lost'), null]) {
      const sequence = manual()
      const controller = new AbortController()
      const reader = iterate(sequence.start, controller.signal)
      const first = reader.next()
      sequence.emit(1)
      sequence.done(error)
      controller.abort(reason)
      expect(await first).toEqual(value(1))
      await expect(reader.next()).rejects.toBe(reason)
      expect(await reader.next()).toEqual(end)
    }
  })

  test('after the reader has been told of the end, or has left, changes nothing', async () => {
    const sequence = manual()
    const controller = new AbortController()
    const reader = iterate(sequence.start, controller.signal)
    const first = reader.next()
    sequence.done(null)
    controller.abort(reason)
    expect(await Promise.all([first, reader.next()])).toEqual([end, end])
    const left = iterate(manual().start, controller.signal)
    await left.leave()
    expect(await left.next()).toEqual(end)
  })

  test('is heard by a next() that another listener of the signal calls', async () => {
    const sequence = manual()
    const controller = new AbortController()
    let followed: unknown
    const follow = () => void (followed = reader.next())
    controller.signal.addEventListener('abort', follow, { once: true })
    const reader = iterate(sequence.start, controller.signal)
    const first = reader.next()
    sequence.emit(1)
    controller.abort(reason)
    expect(await first).toEqual(value(1))
    await expect(followed).rejects.toBe(reason)
    expect(sequence.request).toHaveBeenCalledTimes(1)
    expect(sequence.cancel).toHaveBeenCalledTimes(1)
  })

  test('before the first next(), starts nothing', async () => {
    const sequence = manual()
    const reader = iterate(sequence.start, AbortSignal.abort(reason))
    await expect(reader.next()).rejects.toBe(reason)
    expect(await reader.next()).toEqual(end)
    expect(sequence.start).not.toHaveBeenCalled()
  })

  test('from within start, cancels what was started', async () => {
    const sequence = manual()
    const controller = new AbortController()
    const reader = iterate<number>((emit, done) => {
      controller.abort(reason)
      return sequence.start(emit, done)
    }, controller.signal)
    await expect(reader.next()).rejects.toBe(reason)
    expect(sequence.cancel).toHaveBeenCalledTimes(1)
    expect(sequence.request).not.toHaveBeenCalled()
  })
})

describe('leaving', () => {
  test('cancels at once, drops what is unread, and ends every next()', async () => {
    const sequence = manual()
    const { signal } = new AbortController()
    const reader = iterate(sequence.start, signal)
    const first = reader.next()
    sequence.emit(1)
    sequence.emit(2)
    const left = reader.leave()
    expect(sequence.cancel).toHaveBeenCalledTimes(1)
    expect(getEventListeners(signal, 'abort')).toEqual([])
    expect(await Promise.all([first, left, reader.next()])).toEqual([value(1), end, end])
  })

  test('before the first next(), starts nothing', async () => {
    const { start } = manual()
    const reader = iterate(start)
    await reader.leave()
    expect(await reader.next()).toEqual(end)
    expect(start).not.toHaveBeenCalled()
  })

  test('from within start, cancels what was started', async () => {
    const sequence = manual()
    const reader = iterate<number>((emit, done) => {
      void reader.leave()
      return sequence.start(emit, done)
    })
    expect(await reader.next()).toEqual(end)
    expect(sequence.cancel).toHaveBeenCalledTimes(1)
    expect(sequence.request).not.toHaveBeenCalled()
  })

  test('takes an error that nobody has heard of along', async () => {
    const sequence = manual()
    const reader = iterate(sequence.start)
    const first = reader.next()
    sequence.emit(1)
    sequence.done(new Error('lost'))
    expect(await Promise.all([first, reader.leave(), reader.next()])).toEqual([value(1), end, end])
    expect(sequence.cancel).not.toHaveBeenCalled()
  })

  test('is what a loop does that is left', async () => {
    const sequence = manual()
    sequence.request.mockImplementation(() => sequence.emit(1))
    for await (const one of toAsyncIterable(sequence.start, never)) {
      expect(one).toBe(1)
      break
    }
    expect(sequence.cancel).toHaveBeenCalledTimes(1)
  })
})

describe('whoever emits too much is told', () => {
  test.for(['end', 'abort', 'leaving'] as const)('after the %s, emit and done throw', async (how) => {
    const sequence = manual()
    const controller = new AbortController()
    const reader = iterate(sequence.start, controller.signal)
    const first = reader.next()
    if (how === 'end') sequence.done(null)
    else if (how === 'abort') controller.abort('left')
    else await reader.leave()
    expect(() => sequence.emit(1)).toThrow('emit was called after done or cancel')
    expect(() => sequence.done(null)).toThrow('done was called again, or after cancel')
    await Promise.allSettled([first])
  })

  test('also when it emits from within request, where what is thrown would be taken for a failure', () => {
    const reader = iterate<number>((emit, done) => {
      const request = () => {
        done(null)
        emit(1)
      }
      return { request, cancel() {} }
    })
    expect(() => reader.next()).toThrow('emit was called after done or cancel')
  })
})
