import { describe, expect, test } from 'vitest'
import { type Waiting, WaitingLine } from '../src/index.ts'

function takeAll<A>(line: WaitingLine<A>, nowMs: number): A[] {
  const taken: A[] = []
  for (let next = line.take(nowMs); next !== undefined; next = line.take(nowMs)) taken.push(next)
  return taken
}

describe('who goes next', () => {
  test('without aging, goes by arrival alone', () => {
    const line = new WaitingLine<string>({ agingMs: 0 })
    line.add('first', 7, 0)
    line.add('second', 0, 0)
    line.add('third', 3, 1)
    expect(takeAll(line, 1)).toEqual(['first', 'second', 'third'])
  })

  test('of those who come together, the most urgent, and then the first', () => {
    const line = new WaitingLine<string>({ agingMs: 1 })
    for (const name of ['c', 'd']) line.add(name, 7, 0)
    for (const name of ['a', 'b']) line.add(name, 0, 0)
    expect(takeAll(line, 0)).toEqual(['a', 'b', 'c', 'd'])
  })

  test('who is less urgent by n is overtaken by those who come within n × agingMs, and by nobody later', () => {
    const line = new WaitingLine<string>({ agingMs: 100 })
    line.add('patient', 2, 0)
    line.add('less patient', 1, 100)
    line.add('in time', 0, 199)
    line.add('at the last moment', 0, 200)
    line.add('too late', 0, 201)
    expect(takeAll(line, 201)).toEqual([
      'in time',
      'patient',
      'less patient',
      'at the last moment',
      'too late',
    ])
  })

  test('agrees with sorting, whoever comes, leaves and is taken in between', () => {
    let seed = 1
    const random = (below: number) => {
      seed = (seed * 48_271) % (2 ** 31 - 1)
      return seed % below
    }
    for (let round = 0; round < 200; round++) {
      const agingMs = [0, 1, 10, 1_000][round % 4] ?? 0
      const line = new WaitingLine<number>({ agingMs })
      const sorted: { readonly n: number; readonly rank: number; readonly waiting: Waiting<number> }[] = []
      let nowMs = 0
      /** What it has told, and what it should have. */
      const told: (readonly [unknown, unknown])[] = []
      for (let n = 0; n < 100; n++) {
        nowMs += random(3)
        const action = random(4)
        if (action < 2) {
          const urgency = random(8)
          const waiting = line.add(n, urgency, nowMs)
          const one = { n, rank: nowMs + urgency * agingMs, waiting }
          const index = sorted.findIndex(({ rank: other }) => other > one.rank)
          sorted.splice(index === -1 ? sorted.length : index, 0, one)
        } else if (action === 2) {
          told.push([line.take(nowMs), sorted.shift()?.n])
        } else {
          const [left] = sorted.splice(random(sorted.length || 1), 1)
          if (left) told.push([line.remove(left.waiting), true], [line.remove(left.waiting), false])
        }
        expect(line.size).toBe(sorted.length)
      }
      expect(told.map(([one]) => one)).toEqual(told.map(([, other]) => other))
      expect(takeAll(line, nowMs)).toEqual(sorted.map(({ n }) => n))
    }
  })

  test('who has been taken has left', () => {
    const line = new WaitingLine<string>({ agingMs: 0 })
    const waiting = line.add('only', 0, 0)
    expect(line.take(0)).toBe('only')
    expect(line.remove(waiting)).toBe(false)
    expect(line.size).toBe(0)
    expect(line.take(0)).toBeUndefined()
  })

  test('there are eight urgencies', () => {
    const line = new WaitingLine<string>({ agingMs: 0 })
    expect(() => line.add('most patient', 8, 0)).toThrow(RangeError)
  })
})

describe('when', () => {
  test.for([
    [1, 1_000],
    [3, 334],
    [1_000, 1],
  ] as const)('at most %i in a second means %i ms from one start to the next', ([perSecond, spacingMs]) => {
    const line = new WaitingLine<string>({ agingMs: 0, perSecond })
    for (const name of ['a', 'b', 'c']) line.add(name, 0, 5)
    expect(takeAll(line, 5)).toEqual(['a'])
    expect(line.restMs(5)).toBe(spacingMs)
    expect(takeAll(line, 5 + spacingMs - 0.5)).toEqual([])
    expect(line.restMs(5 + spacingMs - 0.5)).toBe(1)
    expect(takeAll(line, 5 + spacingMs)).toEqual(['b'])
    expect(line.restMs(5 + spacingMs)).toBe(spacingMs)
  })

  test('time in which nobody waited is not made up for', () => {
    const line = new WaitingLine<string>({ agingMs: 0, perSecond: 10 })
    for (const name of ['a', 'b', 'c']) line.add(name, 0, 1_000)
    expect(takeAll(line, 10_000)).toEqual(['a'])
  })

  test('is idle when nobody waits and nobody is held back', () => {
    const line = new WaitingLine<string>({ agingMs: 0, perSecond: 10 })
    expect(line.isIdle(0)).toBe(true)
    line.add('a', 0, 0)
    expect(line.isIdle(0)).toBe(false)
    line.take(0)
    expect(line.isIdle(99)).toBe(false)
    expect(line.isIdle(100)).toBe(true)
  })

  test('without a rate, and before the first start, at once', () => {
    expect(new WaitingLine<string>({ agingMs: 0 }).restMs(0)).toBe(0)
    expect(new WaitingLine<string>({ agingMs: 0, perSecond: 1 }).restMs(0)).toBe(0)
  })
})

test('takes the same time for each, however many wait', () => {
  /** In µs: adds so many, has every third leave from the middle, and takes the others. */
  function timeForEach(count: number): number {
    const start = performance.now()
    const line = new WaitingLine<number>({ agingMs: 1 })
    const all: Waiting<number>[] = []
    for (let n = 0; n < count; n++) all.push(line.add(n, n % 8, n))
    for (const [n, waiting] of all.entries()) if (n % 3 === 0) line.remove(waiting)
    while (line.take(count) !== undefined);
    return ((performance.now() - start) * 1_000) / count
  }
  timeForEach(10_000)
  const ratios = Array.from({ length: 9 }, () => {
    const few = Math.min(...Array.from({ length: 20 }, () => timeForEach(2_000)))
    return timeForEach(100_000) / few
  })
  // Whatever is quadratic has 50, and `Array.shift()` more; a busy machine has made 4 of what is mostly 1.
  expect(Math.min(...ratios)).toBeLessThan(10)
})
