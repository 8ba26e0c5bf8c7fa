/** What the picture is made from: events become calls, calls become spans, and spans become milliseconds. */
import { scenarios } from '@overlap/workload'
import { describe, expect, inject, test } from 'vitest'
import { ownParameters, parameters, runQuery } from '../src/parameters.ts'
import { axisTo, roundDelay } from '../src/panels/watch/axis.ts'
import {
  type Lane,
  type RunEvent,
  follow,
  isAbandoned,
  isOver,
  lateMsOfLane,
  lengthOf,
  newLane,
  spansOf,
} from '../src/panels/watch/lane.ts'
import { describe as tell, summaryOf } from '../src/panels/watch/words.ts'

const parentId = 'b7ad6b7169203331'

const run = (atMs: number, event: string): RunEvent => ({ parentId, atMs, event })
const query = (atMs: number, event: string): RunEvent => ({
  ...run(atMs, event),
  call: 'findStock',
  id: 0,
})
const request = (atMs: number, event: string): RunEvent => ({
  ...run(atMs, event),
  call: 'fetchReservation',
  id: 1,
})
const laneOf = (...events: RunEvent[]) => follow(newLane('naive', parentId), events, 5000)

const beginning = [
  run(0, 'started'),
  query(0, 'started'),
  request(1, 'started'),
  query(10, 'sent'),
  request(2, 'sent'),
]
const fails = [request(100, 'answering'), request(101, 'failed')]
const naive = laneOf(...beginning, ...fails, run(102, 'failed'), query(2010, 'succeeded'))
const stopped = laneOf(
  ...beginning,
  ...fails,
  query(101, 'cancelled'),
  run(102, 'failed'),
  query(105, 'stopped'),
)

const spansIn = (lane: Lane, id: number, now: number) => {
  const call = lane.calls[id]
  return call && spansOf(call, lane.settledMs, now).map((span) => Object.values(span))
}

describe('a lane', () => {
  test('cuts a call that nobody stopped where the result was decided', () => {
    expect(spansIn(naive, 0, 2010)).toEqual([
      ['wait', 0, 10, false],
      ['work', 10, 102, false],
      ['work', 102, 2010, true],
    ])
    expect(spansIn(naive, 1, 2010)).toEqual([
      ['wait', 1, 2, false],
      ['work', 2, 100, false],
      ['answer', 100, 101, false],
    ])
    expect(lateMsOfLane(naive, 2010)).toBe(1908)
    expect(isAbandoned(naive)).toBe(true)
    expect(tell(naive, 0)).toBe(
      'naive failed after 102 ms, 1,908 ms of work after the result, which nobody stopped',
    )
  })

  test('counts what it takes to stop a call that was cancelled, and does not call that abandoned', () => {
    expect(spansIn(stopped, 0, 105)).toEqual([
      ['wait', 0, 10, false],
      ['work', 10, 101, false],
      ['stop', 101, 102, false],
      ['stop', 102, 105, true],
    ])
    expect(lateMsOfLane(stopped, 105)).toBe(3)
    const stoppedLater = laneOf(
      ...beginning,
      ...fails,
      run(102, 'failed'),
      query(110, 'cancelled'),
      query(112, 'stopped'),
    )
    expect([stopped, stoppedLater].map(isAbandoned)).toEqual([false, false])
    expect(tell(stopped, 0)).toBe('naive failed after 102 ms, 3 ms of work after the result')
  })

  test('is over when nothing of it runs any more, and not with its result', () => {
    expect([naive, stopped].map(isOver)).toEqual([true, true])
    const going = laneOf(...beginning, ...fails, run(102, 'failed'))
    const stopping = laneOf(
      ...beginning,
      query(50, 'cancelled'),
      request(50, 'cancelled'),
      run(51, 'cancelled'),
    )
    expect([going, stopping, laneOf(...beginning), laneOf()].map(isOver)).toEqual(Array(4).fill(false))
    expect(tell(stopping, 5100)).toContain('being stopped')
    expect(isOver({ ...laneOf(), refused: true })).toBe(true)
  })

  test('goes on with the clock as long as anything runs, and adds up the calls', () => {
    const left = laneOf(...beginning, run(300, 'cancelled'))
    // It began at 5000 by this clock, and 1000 ms later two calls have gone on for 700 ms each.
    expect(lengthOf(left, 6000)).toBe(1000)
    expect(lateMsOfLane(left, lengthOf(left, 6000))).toBe(1400)
    expect(tell(left, 6000)).toBe(
      'naive cancelled after 300 ms, 1,400 ms of work after the result, and it goes on',
    )
    expect(lengthOf(naive, 9000)).toBe(2010)
  })

  test('takes its own events alone, a few at a time, and never those of another run', () => {
    const events = [...beginning, ...fails, run(102, 'failed'), query(2010, 'succeeded')]
    const others = events.map((event) => ({ ...event, parentId: '00f067aa0ba902b7' }))
    let lane = newLane('naive', parentId)
    for (const [index, event] of events.entries())
      lane = follow(lane, [...others.slice(0, index), event], 5000)
    expect(lane).toEqual(naive)
    expect(follow(lane, others, 5000)).toBe(lane)
  })

  test('says of a run that waits for its turn, or was refused, what it does', () => {
    expect(tell(laneOf(), 0)).toBe('naive has not begun yet')
    expect(tell({ ...laneOf(), refused: true }, 0)).toBe('naive did not begin')
    expect(tell(laneOf(run(0, 'started')), 5000)).toBe('naive is running')
  })
})

test.for([0, 1, 9, 99, 100, 480, 1000, 2080, 9999, 30_000])(
  'an axis to %i ms has room and round ticks',
  (ms) => {
    for (const most of [4, 10]) {
      const { endMs, ticks } = axisTo(ms, most)
      expect(endMs).toBeGreaterThan(ms)
      expect(ticks.length).toBeGreaterThan(2)
      expect(ticks.length).toBeLessThanOrEqual(most + 1)
      expect(ticks[0]).toBe(0)
      expect(String(ticks[1])).toMatch(/^0?\.?[125]0*$/)
      expect(ticks.at(-1)).toBeLessThanOrEqual(endMs)
    }
  },
)

test('a delay that is dragged is a multiple of 50, and one that the server takes', () => {
  expect([-80, 24, 26, 1234, 99_999].map(roundDelay)).toEqual([0, 0, 50, 1250, 10_000])
})

interface Described {
  readonly name: string
  readonly schema: { readonly type: string; readonly minimum?: number; readonly maximum?: number }
}

describe('the parameters', () => {
  test('of each scenario are those that the server describes, with their ranges', async () => {
    const common = ['style', 'trace', 'dbMs', 'httpMs', 'dbFault', 'httpFault', 'abortMs']
    const { paths } = (await (await fetch(`${inject('server')}/openapi.json`)).json()) as {
      paths: Record<string, Record<string, { parameters: Described[] }>>
    }
    for (const { name } of scenarios) {
      const [described] = Object.values(paths[`/api/run/${name}`] ?? {})
      const own = described?.parameters.filter((one) => !common.includes(one.name)) ?? []
      const ours = ownParameters(name).map(([parameter]) => {
        const { range } = parameters[parameter]
        return { name: parameter, minimum: range?.[0], maximum: range?.[1] }
      })
      const theirs = own.map(({ name: parameter, schema: { minimum, maximum } }) => ({
        name: parameter,
        minimum,
        maximum,
      }))
      expect({ name, all: ours.toSorted(byName) }).toEqual({ name, all: theirs.toSorted(byName) })
    }
  })

  test('are what is asked for, without what is not', () => {
    expect(String(runQuery('timeout'))).toBe('sku=A-42&ms=1000&dbMs=300&httpMs=300')
    const subject = { scenario: 'timeout', query: runQuery('timeout'), leaveMs: 200 } as const
    expect(summaryOf(subject, [naive])).toBe(
      'the query takes 300 ms, HTTP takes 300 ms, gives up after 1,000 ms, the client leaves after 200 ms',
    )
    expect(summaryOf({ ...subject, leaveMs: 0 }, [])).toBe('gives up after 1,000 ms')
  })
})

const byName = (one: { name: string }, other: { name: string }) => (one.name < other.name ? -1 : 1)
