import { getEventListeners } from 'node:events'
import { expect, test, vi } from 'vitest'
import { type Done, toPromise } from '../src/index.ts'

/** A call that the test answers by hand. */
function manual() {
  const cancel = vi.fn<() => void>()
  const call = { cancel, done: (() => {}) as Done<number>, start }
  function start(done: Done<number>) {
    call.done = done
    return cancel
  }
  return call
}

const never = new AbortController().signal

test('resolves with the value', async () => {
  const call = manual()
  const promise = toPromise(call.start, never)
  call.done(null, 42)
  expect(await promise).toBe(42)
})

test('rejects with the error itself', async () => {
  const call = manual()
  const error = new Error('lost')
  const promise = toPromise(call.start, never)
  call.done(error)
  await expect(promise).rejects.toBe(error)
})

test('rejects with what start throws', async () => {
  const error = new Error('no socket left')
  const promise = toPromise(() => {
    throw error
  }, never)
  await expect(promise).rejects.toBe(error)
})

test('an abort cancels and rejects with the reason itself', async () => {
  const call = manual()
  const controller = new AbortController()
  const promise = toPromise(call.start, controller.signal)
  controller.abort('a string')
  await expect(promise).rejects.toBe('a string')
  expect(call.cancel).toHaveBeenCalledTimes(1)
})

test('a signal that has aborted starts nothing', async () => {
  const start = vi.fn<() => () => void>()
  await expect(toPromise(start, AbortSignal.abort('too late'))).rejects.toBe('too late')
  expect(start).not.toHaveBeenCalled()
})

test('an abort from within start cancels what was started', async () => {
  const call = manual()
  const controller = new AbortController()
  const promise = toPromise((done) => {
    controller.abort('in between')
    return call.start(done)
  }, controller.signal)
  await expect(promise).rejects.toBe('in between')
  expect(call.cancel).toHaveBeenCalledTimes(1)
})

test('takes an answer that comes before start has returned, and leaves no listener', async () => {
  const { signal } = new AbortController()
  const cancel = vi.fn<() => void>()
  const promise = toPromise<number>((done) => {
    done(null, 42)
    return cancel
  }, signal)
  expect(await promise).toBe(42)
  expect(getEventListeners(signal, 'abort')).toEqual([])
})

test('leaves no listener on the signal', async () => {
  const call = manual()
  const { signal } = new AbortController()
  const promise = toPromise(call.start, signal)
  expect(getEventListeners(signal, 'abort')).toHaveLength(1)
  call.done(null, 42)
  await promise
  expect(getEventListeners(signal, 'abort')).toEqual([])
})

test('a second done, or one after cancel, throws into its caller', async () => {
  const [answered, aborted] = [manual(), manual()]
  const promise = toPromise(answered.start, never)
  answered.done(null, 42)
  expect(() => answered.done(null, 43)).toThrow('done was called again')
  expect(await promise).toBe(42)

  const controller = new AbortController()
  const rejected = toPromise(aborted.start, controller.signal)
  controller.abort('left')
  expect(() => aborted.done(null, 42)).toThrow('after cancel')
  await expect(rejected).rejects.toBe('left')
})
