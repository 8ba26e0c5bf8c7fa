/** What one request makes of `regulate`: several requests, each of a key, on a port that answers when we say so. */
import { type Done, HttpError, type Port, type Reservation, type Sku, type Style } from '@overlap/workload'
import { describe, expect, test } from 'vitest'
import { styles } from '../src/styles.ts'
import { takeTurns } from '../src/turns.ts'
import { ScriptedPort } from './scripted-port.ts'

type Answer = Done<Reservation, HttpError>

function start(style: Style, input: Partial<Parameters<typeof takeTurns>[2]>, signal: AbortSignal) {
  const open = new Set<Answer>()
  const asked: Sku[] = []
  const fetchReservation: Port['fetchReservation'] = (sku, done) => {
    asked.push(sku)
    open.add(done)
    return () => open.delete(done)
  }
  const port = { ...new ScriptedPort().forRun({ dbMs: 0, httpMs: 0 }), fetchReservation }
  const given = { sku: 'A-42', keys: ['a', 'a', 'a', 'b'], urgencies: [3], limit: 2, queue: 9, agingMs: 1000 }
  const turns = takeTurns(style, port, { ...given, ...input }, signal)
  const answer = (...result: Parameters<Answer>) => {
    const [first] = open
    if (!first) throw new Error('nobody asks')
    open.delete(first)
    first(...result)
  }
  return { turns, asked, open, answer }
}

const next = () => new Promise<void>((resolve) => setImmediate(resolve))
const found = [null, { sku: 'A-42', reserved: 2 }] as const

describe.each(styles)('turns in $name', (style) => {
  const never = new AbortController().signal

  test('are told in the order of the keys, with when each started and ended', async () => {
    const { turns, asked, open, answer } = start(style, { urgencies: [7, 5], limit: 1 }, never)
    await next()
    expect(open.size).toBe(2)
    for (let n = 0; n < 4; n++) {
      answer(...found)
      await next()
    }
    const told = await turns
    expect(told.map(({ key, urgency }) => `${key}${urgency}`)).toEqual(['a7', 'a5', 'a5', 'b5'])
    const [first, second, third] = told
    for (const [before, after] of [
      [first, second],
      [second, third],
    ])
      expect(after?.startedMs).toBeGreaterThanOrEqual(before?.endedMs ?? NaN)
    expect(asked).toEqual(Array.from({ length: 4 }, () => 'A-42'))
  })

  test('start no faster than so many in a second', async () => {
    const { turns, open, answer } = start(style, { perSecond: 20, keys: ['a', 'a', 'a'] }, never)
    const answering = setInterval(() => open.size > 0 && answer(...found), 1)
    const starts = (await turns).map(({ startedMs = NaN }) => startedMs)
    clearInterval(answering)
    // Each since all were asked for, because one that was started late is nearer to the next. To one decimal.
    for (const n of [1, 2]) expect(starts[n]).toBeGreaterThan(n * 50 - 1)
  })

  test('that are turned away are told so, and fail nobody', async () => {
    const { turns, answer } = start(style, { limit: 1, queue: 0 }, never)
    await next()
    answer(...found)
    answer(...found)
    const refused = {
      key: 'a',
      urgency: 3,
      error: { name: 'OverloadedError', message: 'too many wait for "a"' },
    }
    expect(await turns).toMatchObject([{ key: 'a' }, refused, refused, { key: 'b' }])
  })

  test('end with the first failure, and nothing runs any more', async () => {
    const { turns, asked, open, answer } = start(style, {}, never)
    await next()
    const error = new HttpError('broken')
    answer(error)
    await expect(turns).rejects.toBe(error)
    // It may have given its place on before, to one that was then cancelled at once.
    expect(asked.length).toBeLessThanOrEqual(4)
    expect(open.size).toBe(0)
    await next()
    expect(open.size).toBe(0)
  })

  test('end when nobody wants them any more', async () => {
    const controller = new AbortController()
    const { turns, asked, open } = start(style, {}, controller.signal)
    await next()
    const reason = new Error('left')
    controller.abort(reason)
    await expect(turns).rejects.toBe(reason)
    // It may have given its place on before, to one that was then cancelled at once.
    expect(asked.length).toBeLessThanOrEqual(4)
    expect(open.size).toBe(0)
    await next()
    expect(open.size).toBe(0)
  })
})
