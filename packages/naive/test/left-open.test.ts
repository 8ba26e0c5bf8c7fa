import { naive } from '@overlap/naive'
import { DatabaseError, type Done, HttpError, type Message, type Port } from '@overlap/workload'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const { signal } = new AbortController()

/** Has the calls that a test names, and no other. */
const portOf = (calls: Partial<Port>) => calls as Port

/** Its sessions take what they are asked for; whether an order is confirmed, `error` says. */
function withSession(error: HttpError | null) {
  const close = vi.fn<() => void>()
  const answer =
    <A>(value: A) =>
    (_: unknown, done: Done<A, never>) => {
      queueMicrotask(() => done(null, value))
      return () => {}
    }
  const session = {
    order: 'order-1',
    takeStock: answer({ sku: 'A-42', onHand: 1 }),
    commit: answer(undefined),
    close,
  }
  const port = portOf({
    openSession: answer(session),
    confirmOrder: (order, done) => {
      queueMicrotask(() => (error ? done(error) : done(null, order)))
      return () => {}
    },
  })
  return { port, close }
}

test('the session that a failed transaction has left open is closed after 10 s, and not before', async () => {
  const error = new HttpError('bad gateway', { status: 502 })
  const { port, close } = withSession(error)
  await expect(naive.transaction(port, { sku: 'A-42', units: 1 }, signal)).rejects.toBe(error)
  await vi.advanceTimersByTimeAsync(9_999)
  expect(close).not.toHaveBeenCalled()
  await vi.advanceTimersByTimeAsync(1)
  expect(close).toHaveBeenCalledTimes(1)
  expect(vi.getTimerCount()).toBe(0)
})

test('the session of a transaction that has succeeded is closed once', async () => {
  const { port, close } = withSession(null)
  await naive.transaction(port, { sku: 'A-42', units: 1 }, signal)
  await vi.advanceTimersByTimeAsync(60_000)
  expect(close).toHaveBeenCalledTimes(1)
})

test('a session that could not be opened is not closed', async () => {
  const error = new DatabaseError('connection lost')
  const port = portOf({
    openSession: (_, done) => {
      queueMicrotask(() => done(error))
      return () => {}
    },
  })
  await expect(naive.transaction(port, { sku: 'A-42', units: 1 }, signal)).rejects.toBe(error)
  await vi.advanceTimersByTimeAsync(60_000)
})

test.for(['leaves', 'aborts'] as const)(
  'when its consumer %s, the channels are listened to for 10 s more',
  async (how) => {
    const open = new Set<(message: Message) => void>()
    const port = portOf({
      listen: () => (next) => {
        open.add(next)
        return () => void open.delete(next)
      },
    })
    const controller = new AbortController()
    const input = { channels: ['a', 'b'], capacity: 1 }
    const reader = naive.subscribe(port, input, controller.signal)[Symbol.asyncIterator]()
    const first = reader.next()
    for (const next of open) next({ id: 1, channel: 'a', text: 'hello' })
    await first
    if (how === 'leaves') await reader.return?.()
    else {
      await reader.next()
      const waiting = reader.next()
      controller.abort()
      await waiting.catch(() => {})
    }
    await vi.advanceTimersByTimeAsync(9_999)
    expect(open.size).toBe(2)
    await vi.advanceTimersByTimeAsync(1)
    expect(open.size).toBe(0)
    expect(vi.getTimerCount()).toBe(0)
  },
)
