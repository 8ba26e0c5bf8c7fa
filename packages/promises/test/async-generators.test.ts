import { type Message, type Reservation, type Sku, type Stock, toAsyncIterable } from '@overlap/workload'
import { expect, test, vi } from 'vitest'
import { latest, stream, subscribe } from '../src/index.ts'
import { watch } from './watch.ts'

/** Answers of the first product come at once; the others run until they are aborted. */
function manual() {
  const running = new Set<Sku>()
  const call =
    <A>(toValue: (sku: Sku) => A) =>
    async (sku: Sku, signal: AbortSignal): Promise<A> => {
      if (sku === 'A-1') return toValue(sku)
      const aborted = Promise.withResolvers<never>()
      running.add(sku)
      signal.addEventListener('abort', () => {
        running.delete(sku)
        aborted.reject(signal.reason)
      })
      return aborted.promise
    }
  const unasked = () => Promise.reject(new Error('not asked'))
  const backend = {
    findStock: call((sku): Stock => ({ sku, onHand: 42 })),
    fetchReservation: call((sku): Reservation => ({ sku, reserved: 2 })),
    fetchReservationFrom: unasked,
    openSession: unasked,
    confirmOrder: unasked,
    findStocks: unasked,
    fetchPage: unasked,
    fetchPicture: unasked,
    resize: unasked,
    listen: unasked,
    readChunk: unasked,
    writeChunk: unasked,
    endOutput: unasked,
  }
  return { backend, running }
}

test('stream: a loop that is left aborts what runs, and leaves no listener', async () => {
  const { backend, running } = manual()
  const { signal } = new AbortController()
  const listeners = watch(signal)
  const input = { skus: ['A-1', 'A-2', 'A-3'], limit: 2 }
  for await (const { sku } of stream(backend, input, signal)) {
    expect(sku).toBe('A-1')
    expect([...running]).toEqual(['A-2', 'A-3'])
    break
  }
  expect([...running]).toEqual([])
  expect(listeners()).toEqual([])
})

test('latest: a loop that is left leaves its input', async () => {
  const { backend } = manual()
  const { signal } = new AbortController()
  const listeners = watch(signal)
  const cancel = vi.fn<() => void>()
  const skus = toAsyncIterable<Sku>((emit) => {
    emit('A-1')
    return { request() {}, cancel }
  }, signal)
  for await (const { sku } of latest(backend, skus, signal)) {
    expect(sku).toBe('A-1')
    break
  }
  expect(cancel).toHaveBeenCalledTimes(1)
  expect(listeners()).toEqual([])
})

test('subscribe: a loop that is left leaves every channel, and no listener', async () => {
  const { backend } = manual()
  const { signal } = new AbortController()
  const listeners = watch(signal)
  const open = new Set<string>()
  const listen = (channel: string, next: (message: Message) => void, left: AbortSignal) => {
    const ended = Promise.withResolvers<void>()
    open.add(channel)
    left.addEventListener('abort', () => {
      open.delete(channel)
      ended.reject(left.reason)
    })
    next({ id: open.size, channel, text: 'hello' })
    return ended.promise
  }
  const input = { channels: ['a', 'b'], capacity: 2 }
  for await (const { channel } of subscribe({ ...backend, listen }, input, signal)) {
    expect(channel).toBe('a')
    expect([...open]).toEqual(['a', 'b'])
    break
  }
  expect([...open]).toEqual([])
  expect(listeners()).toEqual([])
})
