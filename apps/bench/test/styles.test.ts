/** What the table of times concludes from figures, which are made up here. */
import { scenarios } from '@overlap/workload'
import { expect, test } from 'vitest'
import { nativeNames } from '../src/alone/native.ts'
import { type StylesFigures, styles } from '../src/alone/styles.ts'

/** As many rounds as say something, each a little different. */
const rounds = (ns: number) => Array.from({ length: 13 }, (_, round) => ns * (1 + round / 1000))

const ns = {
  nothing: rounds(50),
  'calls alone': rounds(100),
  // An A/A control that tells nothing apart that differs by less than 10 %.
  'calls alone, again': rounds(100).map((one, round) => one * (round % 2 === 0 ? 1.1 : 0.9)),
  callbacks: rounds(105),
  promises: rounds(110),
  generators: rounds(200),
  observables: rounds(300),
  effect: rounds(3000),
}
const figures: StylesFigures = {
  // A cast, because an object from entries has lost their names.
  contract: Object.fromEntries(
    scenarios.map(({ name }) => [name, { calls: 2, ns }]),
  ) as unknown as StylesFigures['contract'],
  native: {
    ns: { ...Object.fromEntries(nativeNames.map((name) => [name, rounds(10)])), ...ns },
    failed: { co: ['abort'], effection: [] },
  },
}
const text = styles.render(figures, { observables: { combine: ['abort', 'once'] } })
const row = (first: string) => {
  const cells = text.split('\n').find((line) => line.startsWith(`| ${first}`)) ?? ''
  return cells.split(' | ').map((cell) => cell.replaceAll(/^\| | \|$/g, ''))
}
const [, , base, callbacks, promises, generators, observables, effect] = row('`combine`')

test('tells a time and its ratio to the calls alone, with the interval', () => {
  expect(base).toBe('101')
  expect(generators).toBe('201<br>2.00 (2.00–2.00)')
  expect(effect).toBe('3,018<br>30 (30–30)')
})

test('sees no difference where the same program differs as much from itself', () => {
  expect(callbacks).toMatch(/no difference seen$/)
  expect(promises).toMatch(/^\*\*111\*\*/)
  expect(generators).not.toContain('**')
})

test('tells why a style was not measured', () => {
  expect(observables).toBe('not measured: clause abort')
})

test('names the clauses that a library fails', () => {
  expect(row('co').at(-1)).toBe('1: abort')
  expect(row('effection').at(-1)).toBe('none')
})
