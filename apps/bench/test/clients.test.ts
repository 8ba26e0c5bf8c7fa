/** What the part `clients` makes of its figures. */
import { expect, test } from 'vitest'
import { clients } from '../src/clients/clients.ts'

const empty = { heap: 0, external: 0, rss: 0, clients: 0 }
const waiting = (subject: string, heap: number) => ({
  subject,
  before: empty,
  during: { heap, external: 0, rss: 3 * heap, clients: 10 },
  after: empty,
  askedMs: 1000,
})
const following = { clients: 5, subjects: [] }

test('a price that differs from the base by no more than the base from itself is told to be no different', () => {
  const subjects = [
    waiting('callbacks', 100_000),
    waiting('promises', 101_000),
    waiting('effect', 200_000),
    waiting('callbacks, again', 102_000),
  ]
  const text = clients.render({ waiting: { wanted: 10, clients: 10, subjects }, following }, {})
  expect(text).toContain('| promises | 10.1 | 0.0 | 30.3 | no difference seen |')
  expect(text).toContain('| effect | 20.0 | 0.0 | 60.0 | 2.00 |')
  expect(text).not.toContain('were wanted')
})

test('without the control nothing is told apart, and it says where there were fewer clients than wanted, or a clause failed', () => {
  const subjects = [waiting('callbacks', 100_000), waiting('promises', 200_000)]
  const text = clients.render(
    { waiting: { wanted: 20, clients: 10, subjects }, following },
    { effect: { subscribe: ['overflow'] } },
  )
  expect(text).toContain('| promises | 20.0 | 0.0 | 60.0 |  |')
  expect(text).toContain('10 clients at once (20 were wanted')
  expect(text).toContain('| effect | not measured: clause overflow |')
})
