/** What the load's charts and tables are made of, without a browser. */
import type { LoadState } from '@overlap/load/order'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { show, showMs, showSeconds } from '../src/panels/load/format.ts'
import { adminToken } from '../src/ask-server.ts'
import { ask, wantsToken } from '../src/panels/load/server.ts'
import { type Point, extend, toColumns, toRows } from '../src/panels/load/series.ts'

const times = { p50: 1, p90: 2, p99: 3, max: 4 }

function stateOf(style: string, seconds: number, perSecond: number | null, warmingUp = false): LoadState {
  return {
    state: 'running',
    order: null,
    elapsedMs: 1000,
    now: { style, warmingUp, recent: perSecond === null ? null : { perSecond, ms: times } },
    styles: ['a', 'b'].map((each) => ({
      style: each,
      seconds: each === style ? seconds : 0,
      outcomes: { succeeded: 1, refused: 0, failed: 0, unsent: 0 },
      perSecond: 1,
      ms: times,
      bins: [],
      lateMs: null,
    })),
    server: { eventLoopDelayMs: 0.5, connections: { inUse: 7, max: 50, waiting: 2 }, runs: 9 },
  }
}

const perSecond = (point: Point) => point.perSecond
const drawn = [
  stateOf('a', 0.5, 10),
  stateOf('a', 1, 20),
  stateOf('b', 0.4, 30),
  stateOf('a', 1.5, 40),
].reduce<readonly Point[]>(extend, [])

describe('the points of a chart', () => {
  test('are of the style that is under load, over its own seconds', () => {
    expect(drawn.map(({ style, seconds }) => [style, seconds])).toEqual([
      ['a', 0.5],
      ['a', 1],
      ['b', 0.4],
      ['a', 1.5],
    ])
    expect(drawn[0]).toMatchObject({ perSecond: 10, times, delayMs: 0.5, inUse: 7, waiting: 2 })
  })

  test('are not of what is warmed up, nor of what has no rate, nor of a load that has ended', () => {
    expect(extend(drawn, stateOf('a', 2, 1, true))).toBe(drawn)
    expect(extend(drawn, stateOf('a', 2, null))).toBe(drawn)
    expect(extend(drawn, { ...stateOf('a', 2, 1), now: null })).toBe(drawn)
  })

  test('stand in columns, one for each style, in the order of the seconds', () => {
    expect(toColumns(drawn, ['a', 'b'], perSecond)).toEqual([
      [0.4, 0.5, 1, 1.5],
      [null, 10, 20, 40],
      [30, null, null, null],
    ])
  })

  test('stand in rows, the last of each second', () => {
    expect(toRows(drawn, ['a', 'b'], perSecond)).toEqual([
      { second: 1, figures: [20, 30] },
      { second: 2, figures: [40, null] },
    ])
  })
})

test('numbers have three digits, and the unit that fits', () => {
  expect([0.123456, 1.2, 12.34, 123.4, 12345].map(show)).toEqual(['0.12', '1.2', '12.3', '123', '12,345'])
  expect([show(null), show(undefined)]).toEqual(['–', '–'])
  expect([6.0620939, 0.11, 0.0123, 2.34e-6, 3e-10].map(showSeconds)).toEqual([
    '6.062 s',
    '0.110 s',
    '12.3 ms',
    '2.34 µs',
    '0.3 ns',
  ])
  expect([0.5, 999, 1500].map(showMs)).toEqual(['0.5 ms', '999 ms', '1.5 s'])
})

describe('what only some may ask for', () => {
  afterEach(() => {
    vi.unstubAllGlobals()
    adminToken.value = ''
    wantsToken.value = false
  })

  test('is asked for with the token, once the server has wanted one', async () => {
    const server = vi.fn<(path: string, init: RequestInit) => Promise<Response>>(
      async (_path, { headers }) => {
        const { authorization } = headers as Record<string, string>
        return authorization === 'Bearer secret'
          ? Response.json({ state: 'running' })
          : Response.json({ detail: 'This needs the admin token.' }, { status: 401 })
      },
    )
    vi.stubGlobal('fetch', server)
    await expect(ask('POST', '/api/load', {})).rejects.toThrow('This needs the admin token.')
    expect(wantsToken.value).toBe(true)
    adminToken.value = 'secret'
    expect(await ask('POST', '/api/load', {})).toEqual({ body: { state: 'running' } })
    expect(wantsToken.value).toBe(false)
  })
})
