import type { Availability, Done, Message, Port, Receipt, Sku, Source, Stock } from '@overlap/workload'
import { expect, test, vi } from 'vitest'
import { batch, latest, regulate, stream, subscribe, transaction } from '../src/index.ts'

/** Answers each call of the lifted port when the test says so. */
function manual() {
  const running: (() => void)[] = []
  const answer =
    <I, A>(toValue: (input: I) => A) =>
    (input: I, done: Done<A, never>) => {
      const finish = () => done(null, toValue(input))
      running.push(finish)
      return () => void (running.includes(finish) && running.splice(running.indexOf(finish), 1))
    }
  const unasked = () => () => {}
  const backend: Port = {
    findStock: answer((sku) => ({ sku, onHand: 42 })),
    fetchReservation: answer((sku) => ({ sku, reserved: 2 })),
    fetchReservationFrom: unasked,
    openSession: unasked,
    confirmOrder: unasked,
    findStocks: answer((skus) => skus.map((sku) => ({ sku, onHand: 42 }))),
    fetchPage: unasked,
    fetchPicture: unasked,
    resize: unasked,
    listen: () => unasked,
    readChunk: unasked,
    writeChunk: unasked,
    endOutput: unasked,
  }
  const finishAll = () => {
    for (let finish = running.shift(); finish; finish = running.shift()) finish()
  }
  return { backend, running, finishAll }
}

const input = { skus: ['A-1', 'A-2', 'A-3'], limit: 2 }

test('stream: emit may request the next one', () => {
  const { backend, finishAll } = manual()
  const done = vi.fn<Done<void>>()
  const emitted: Sku[] = []
  function emit({ sku }: Availability) {
    emitted.push(sku)
    subscription.request()
  }
  const subscription = stream(backend, input, emit, done)
  subscription.request()
  finishAll()
  expect(emitted).toEqual(input.skus)
  expect(done.mock.calls).toEqual([[null]])
})

test.for([1, 3])('stream: emit may cancel, and nothing follows (after %i)', (most) => {
  const { backend, running, finishAll } = manual()
  const done = vi.fn<Done<void>>()
  let emitted = 0
  const subscription = stream(
    backend,
    input,
    () => {
      if (++emitted === most) subscription.cancel()
    },
    done,
  )
  for (const _ of input.skus) subscription.request()
  finishAll()
  subscription.request()
  expect(emitted).toBe(most)
  expect(running).toEqual([])
  expect(done).not.toHaveBeenCalled()
})

test('stream: what is unread when it is cancelled is not emitted any more', () => {
  const { backend, running, finishAll } = manual()
  const emit = vi.fn<(availability: Availability) => void>()
  const done = vi.fn<Done<void>>()
  const subscription = stream(backend, input, emit, done)
  subscription.request()
  finishAll()
  subscription.cancel()
  subscription.request()
  expect(emit).toHaveBeenCalledTimes(1)
  expect(running).toEqual([])
  expect(done).not.toHaveBeenCalled()
})

test('latest: emit may cancel, and nothing follows, not even the end', () => {
  const { backend, finishAll } = manual()
  const done = vi.fn<Done<void>>()
  const listener: { next?: (sku: Sku) => void; done?: Done<void> } = {}
  const skus: Source<Sku> = (next, end) => {
    Object.assign(listener, { next, done: end })
    return () => {}
  }
  const cancel = latest(backend, skus, () => cancel(), done)
  listener.next?.('A-1')
  listener.done?.(null)
  finishAll()
  expect(done).not.toHaveBeenCalled()
})

test.for([{ more: [] }, { more: ['A-2'] }])(
  'latest: emit may end the input, and done is called once, after the last answer (after $more)',
  ({ more }) => {
    const { backend, finishAll } = manual()
    const told: string[] = []
    const listener: { next?: (sku: Sku) => void; done?: Done<void> } = {}
    const skus: Source<Sku> = (next, done) => {
      Object.assign(listener, { next, done })
      return () => {}
    }
    function emit({ sku }: Availability) {
      if (told.push(sku) > 1) return
      for (const one of more) listener.next?.(one)
      listener.done?.(null)
    }
    latest(backend, skus, emit, () => void told.push('done'))
    listener.next?.('A-1')
    finishAll()
    expect(told).toEqual(['A-1', ...more, 'done'])
  },
)

/** One channel that is listened to, over which messages can be sent. */
function channel() {
  const { backend } = manual()
  let listener: ((message: Message) => void) | undefined
  let sent = 0
  const listen: Port['listen'] = () => (next) => {
    listener = next
    return () => (listener = undefined)
  }
  const send = () => listener?.({ id: ++sent, channel: 'a', text: null })
  return { backend: { ...backend, listen }, send, isOpen: () => listener !== undefined }
}

const all = { channels: ['a'], capacity: 3 }

test('subscribe: emit may request the next one', () => {
  const { backend, send } = channel()
  const ids: number[] = []
  function emit({ id }: Message) {
    ids.push(id)
    subscription.request()
  }
  const subscription = subscribe(backend, all, emit, () => {})
  for (let sent = 0; sent < 3; sent++) send()
  subscription.request()
  for (let sent = 0; sent < 3; sent++) send()
  expect(ids).toEqual([1, 2, 3, 4, 5, 6])
})

test('subscribe: emit may cancel, and nothing follows of what is unread', () => {
  const { backend, send, isOpen } = channel()
  const done = vi.fn<Done<void>>()
  const emit = vi.fn<(message: Message) => void>(() => subscription.cancel())
  const subscription = subscribe(backend, all, emit, done)
  for (let sent = 0; sent < 3; sent++) send()
  subscription.request()
  subscription.request()
  expect(emit).toHaveBeenCalledTimes(1)
  expect(isOpen()).toBe(false)
  expect(done).not.toHaveBeenCalled()
})

test('batch: done may cancel another, who is then not told, and load, which asks again', () => {
  const { backend, running, finishAll } = manual()
  const load = batch(backend, { windowMs: 1_000, max: 2 })
  const told: string[] = []
  const tell = (name: string) => () => void told.push(name)
  load('A-1', () => {
    told.push('first')
    for (const cancel of cancels) cancel()
    load('A-1', tell('again'))
    load('A-3', tell('third'))
  })
  const cancels = [load('A-1', tell('same sku')), load('A-2', tell('other sku'))]
  running.shift()?.()
  expect(told).toEqual(['first'])
  expect(running).toHaveLength(1)
  finishAll()
  expect(told).toEqual(['first', 'again', 'third'])
})

test('batch: two loads may have the same done, and each is told', () => {
  const { backend, finishAll } = manual()
  const load = batch(backend, { windowMs: 1_000, max: 2 })
  const done = vi.fn<Done<Stock>>()
  for (const sku of ['A-1', 'A-1', 'A-2']) load(sku, done)
  finishAll()
  expect(done).toHaveBeenCalledTimes(3)
})

test('batch: to cancel twice, or after done, takes nobody else away', () => {
  const { backend, running, finishAll } = manual()
  const load = batch(backend, { windowMs: 1_000, max: 2 })
  const done = vi.fn<Done<Stock>>()
  const cancel = load('A-1', () => {})
  cancel()
  load('A-1', done)
  cancel()
  const cancelLate = load('A-2', done)
  expect(running).toHaveLength(1)
  finishAll()
  cancelLate()
  expect(done).toHaveBeenCalledTimes(2)
})

test('regulate: to cancel twice, or after done, gives no other place on', () => {
  const { backend, running } = manual()
  const { through } = regulate({ limit: 1, queue: 9, agingMs: 0 })
  const ask = (sku: Sku) =>
    through(
      { key: 'bar', urgency: 3 },
      (_, done: Done<Stock>) => backend.findStock(sku, done),
      () => {},
    )
  const [cancelFirst, cancelSecond] = ['A-1', 'A-2', 'A-3', 'A-4', 'A-5'].map(ask)
  running.shift()?.()
  cancelFirst?.()
  expect(running).toHaveLength(1)
  cancelSecond?.()
  cancelSecond?.()
  expect(running).toHaveLength(1)
})

test('transaction: to cancel after done closes no session a second time', () => {
  const { backend, running, finishAll } = manual()
  const close = vi.fn<() => void>()
  const answer =
    <A>(value: A) =>
    (_: unknown, done: Done<A, never>) => {
      running.push(() => done(null, value))
      return () => {}
    }
  const session = {
    order: 'order-1',
    takeStock: answer({ sku: 'A-1', onHand: 41 }),
    commit: answer(undefined),
    close,
  }
  const confirmed = { order: 'order-1', sku: 'A-1', units: 1 }
  const port = { ...backend, openSession: answer(session), confirmOrder: answer(confirmed) }
  const done = vi.fn<Done<Receipt>>()
  const cancel = transaction(port, { sku: 'A-1', units: 1 }, done)
  finishAll()
  expect(done).toHaveBeenCalledTimes(1)
  cancel()
  expect(close).toHaveBeenCalledTimes(1)
})
