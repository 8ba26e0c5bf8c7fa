/** What real Postgres does so seldom that it takes a script to see it. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Channels, Listener } from '../src/channels.ts'
import { PgClient } from '../src/pg-client.ts'
import { Told } from '../src/told.ts'
import { Watcher } from '../src/watcher.ts'

let channels: Channels

// The test does what its connection would; that one has no time to.
beforeEach(() => void (channels = new Channels(() => new PgClient('postgres://127.0.0.1:1/none', 'none'))))
afterEach(() => channels.close())

function join(channel: string) {
  const told: (string | number | null)[] = []
  const watcher = new Watcher((_, event) => told.push(event))
  const listener = new Listener(({ id, text }) => told.push(id, text), new Told('listen', () => {}, watcher))
  channels.join(channel, listener)
  return { told, leave: () => channels.leave(channel, listener) }
}

test('a message that comes before the answer to LISTEN is for whoever it was asked for', () => {
  const { told } = join('a')
  expect(channels.nextCommand()).toBe('LISTEN "a"')
  channels.notified('a', 'early')
  channels.carriedOut()
  channels.notified('a', 'late')
  expect(told).toEqual(['started', 'sent', 1, 'early', 2, 'late'])
})

test('a message that comes before the answer to LISTEN, after a loss, comes after the one without text', () => {
  const { told } = join('a')
  channels.nextCommand()
  channels.carriedOut()
  channels.lost()
  expect(channels.nextCommand()).toBe('LISTEN "a"')
  channels.notified('a', 'early')
  channels.carriedOut()
  expect(told).toEqual(['started', 'sent', 1, null, 2, 'early'])
})

test('a message that comes before the answer to UNLISTEN is not for who has joined since', () => {
  const first = join('a')
  channels.nextCommand()
  channels.carriedOut()
  first.leave()
  expect(channels.nextCommand()).toBe('UNLISTEN "a"')
  const second = join('a')
  channels.notified('a', 'for nobody')
  expect(first.told).toEqual(['started', 'sent', 'cancelled'])
  channels.carriedOut()
  expect(first.told.at(-1)).toBe('stopped')
  expect(channels.nextCommand()).toBe('LISTEN "a"')
  channels.carriedOut()
  channels.notified('a', 'for the second')
  expect(second.told).toEqual(['started', 'sent', 2, 'for the second'])
})

test('what is asked for is the difference between what is wanted and what the server does', () => {
  const [a, b] = [join('a'), join('b')]
  join('b')
  expect(channels.nextCommand()).toBe('LISTEN "a"; LISTEN "b"')
  expect(channels.open).toBe(0)
  join('c')
  for (const { leave } of [a, b]) leave()
  channels.carriedOut()
  expect(channels.open).toBe(2)
  expect(channels.nextCommand()).toBe('UNLISTEN "a"; LISTEN "c"')
  expect(channels.open).toBe(2)
  channels.carriedOut()
  expect(channels.nextCommand()).toBeNull()
  expect(channels.open).toBe(2)
  join('c').leave()
  expect(channels.nextCommand()).toBeNull()
})
