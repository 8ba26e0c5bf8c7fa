/** The log: what it keeps, what it forgets, and that nothing is lost in silence. */
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { DatabaseError, type Message } from '@overlap/workload'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { FeedLog, type FeedReader, LOG_LIMITS, type LogLimits } from '../src/feed-log.ts'
import { ScriptedPort } from './scripted-port.ts'

let port: ScriptedPort
let log: FeedLog

beforeEach(() => {
  port = new ScriptedPort()
  log = new FeedLog(port, LOG_LIMITS)
})
afterEach(() => log.close())

const limited = (limits: Partial<LogLimits>) => new FeedLog(port, { ...LOG_LIMITS, ...limits })
const textsOf = (messages: readonly Message[]) => messages.map(({ channel, text }) => `${channel} ${text}`)

/** Listens to all channels of a reader, as a style does. */
function listen(reader: FeedReader, channels: readonly string[]) {
  const heard: Message[] = []
  const failures: Error[] = []
  const cancels = channels.map((channel) =>
    reader.listen(channel)(
      (message) => heard.push(message),
      (error) => error && failures.push(error),
    ),
  )
  const cancel = () => {
    for (const each of cancels) each()
  }
  return { heard, failures, cancel }
}

describe('a reader', () => {
  test('is given what came after an id, in the order of arrival over all channels', async () => {
    const first = log.read(['a', 'b'], null)
    await first.open()
    const start = log.idOf(first.position)
    for (const [channel, text] of ['a1', 'b2', 'a3', 'b4']) await port.notify(channel ?? '', text ?? '')
    expect(textsOf(first.take(3))).toEqual(['a 1', 'b 2', 'a 3'])
    const id = log.idOf(first.position)
    expect(textsOf(log.read(['a', 'b'], id).take(9))).toEqual(['b 4'])
    expect(textsOf(log.read(['a'], start).take(9))).toEqual(['a 1', 'a 3'])
    expect(textsOf(log.read(['a'], null).take(9))).toEqual([])
  })

  test('listens from where it has read to, without a gap and each once', async () => {
    const reader = log.read(['a', 'b'], null)
    await reader.open()
    await port.notify('a', '1')
    await port.notify('b', '2')
    expect(textsOf(reader.take(1))).toEqual(['a 1'])
    const { heard } = listen(reader, ['a', 'b'])
    await port.notify('a', '3')
    expect(heard).toEqual([])
    await nextTurn()
    await port.notify('b', '4')
    expect(textsOf(heard)).toEqual(['b 2', 'a 3', 'b 4'])
  })

  test('hears nothing after it has cancelled', async () => {
    const reader = log.read(['a', 'b'], null)
    await reader.open()
    const { heard, cancel } = listen(reader, ['a', 'b'])
    cancel()
    cancel()
    await nextTurn()
    await port.notify('a', '1')
    expect(heard).toEqual([])
  })

  test('may listen again from an earlier position, and a beginning that was cancelled does not begin', async () => {
    const reader = log.read(['a', 'b'], null)
    await reader.open()
    const { position } = reader
    await port.notify('a', '1')
    listen(reader, ['a', 'b']).cancel()
    const first = listen(reader, ['a'])
    await nextTurn()
    expect(first.heard).toEqual([])
    const second = listen(reader, ['b'])
    await nextTurn()
    expect(textsOf(first.heard)).toEqual(['a 1'])
    expect(second.heard).toEqual([])
    first.cancel()
    second.cancel()
    reader.goBack(position)
    const again = listen(reader, ['a', 'b'])
    await nextTurn()
    expect(textsOf(again.heard)).toEqual(['a 1'])
  })

  test('that leaves while it is told what it has missed is told no more', async () => {
    const reader = log.read(['a'], null)
    await reader.open()
    const heard: string[] = []
    const cancel = reader.listen('a')(
      ({ text }) => {
        heard.push(String(text))
        if (text === '2') cancel()
      },
      () => {},
    )
    for (const text of ['1', '2', '3']) await port.notify('a', text)
    await nextTurn()
    expect(heard).toEqual(['1', '2'])
  })

  test('waits until it is certain that each message comes', async () => {
    port.holding = true
    const opened = vi.fn<() => void>()
    const reader = log.read(['a'], null)
    void reader.open().then(opened)
    await sleep(5)
    expect(opened).not.toHaveBeenCalled()
    port.holding = false
    const other = log.read(['b'], null)
    await other.open()
  })

  test('is told when a channel fails, whether it listens already or not, and its next reader opens it again', async () => {
    const reader = log.read(['a', 'b'], null)
    const late = log.read(['a'], null)
    await reader.open()
    const live = listen(reader, ['a', 'b'])
    const ended = vi.fn<(failure?: Error) => void>()
    reader.onEnd = ended
    await nextTurn()
    const error = new DatabaseError('lost')
    port.fail('a', error)
    expect(live.failures).toEqual([error])
    expect(ended).toHaveBeenCalledWith(error)
    const { failures } = listen(late, ['a'])
    await nextTurn()
    expect(failures).toEqual([error])
    const id = log.idOf(late.position)
    expect(textsOf(log.read(['a'], id).take(9))).toEqual(['a null'])
    expect([...port.listeners].filter(({ channel }) => channel === 'a')).toHaveLength(1)
  })

  test('fails to open with what the first connect fails with', async () => {
    port.error = new DatabaseError('down')
    const reader = log.read(['a'], null)
    await expect(reader.open()).rejects.toBe(port.error)
    expect(log.stats.channels).toBe(0)
  })

  test('fails to open with what `listen` throws', async () => {
    const error = new DatabaseError('thrown')
    const broken = new FeedLog(
      {
        forRun: (options) => ({
          ...port.forRun(options),
          listen: () => {
            throw error
          },
        }),
      },
      LOG_LIMITS,
    )
    await expect(broken.read(['a'], null).open()).rejects.toBe(error)
    expect(broken.stats.channels).toBe(0)
  })
})

describe('what may have been missed', () => {
  test('is told to who comes back after a restart, for each channel', async () => {
    const before = new FeedLog(port, LOG_LIMITS)
    before.read(['a'], null)
    await port.notify('a', '1')
    const id = before.idOf(9_999)
    const reader = log.read(['a', 'b'], id)
    await port.notify('b', '2')
    expect(textsOf(reader.take(9))).toEqual(['a null', 'b null', 'b 2'])
    before.close()
  })

  test('is told to who brings an id that has not been given yet', () => {
    log.read(['a'], null)
    expect(textsOf(log.read(['a'], log.idOf(7)).take(9))).toEqual(['a null'])
  })

  test('is told once, and not again to who comes back after that', async () => {
    log.read(['a'], null)
    const reader = log.read(['a', 'b'], log.idOf(0))
    await port.notify('a', '1')
    expect(textsOf(reader.take(1))).toEqual(['a null'])
    const next = log.read(['a', 'b'], log.idOf(reader.position))
    expect(textsOf(next.take(1))).toEqual(['b null'])
    expect(textsOf(log.read(['a', 'b'], log.idOf(next.position)).take(9))).toEqual(['a 1'])
  })

  test('is told where the log no longer reaches back, and only of the channels that it is about', async () => {
    log = limited({ messages: 2 })
    const start = log.idOf(log.read(['a', 'b'], null).position)
    await port.notify('b', '0')
    const later = log.idOf(log.lastNumber)
    for (const text of ['1', '2', '3']) await port.notify('a', text)
    expect(textsOf(log.read(['a', 'b'], start).take(9))).toEqual(['b null', 'a null', 'a 2', 'a 3'])
    expect(textsOf(log.read(['a', 'b'], later).take(9))).toEqual(['a null', 'a 2', 'a 3'])
    expect(textsOf(log.read(['b'], later).take(9))).toEqual([])
  })

  test('is passed on when the port tells it', async () => {
    const reader = log.read(['a'], null)
    await port.notify('a', null)
    expect(textsOf(reader.take(9))).toEqual(['a null'])
  })

  test('is told of a channel that nobody has followed for too long', async () => {
    log = limited({ idleMs: 10 })
    const reader = log.read(['a'], null)
    const id = log.idOf(reader.position)
    reader.close()
    await vi.waitUntil(() => port.listeners.size === 0)
    expect(textsOf(log.read(['a'], id).take(9))).toEqual(['a null'])
  })
})

describe('what is kept', () => {
  test('is bounded in messages and in bytes', async () => {
    log = limited({ messages: 100, bytes: 1000 })
    log.read(['a'], null)
    for (let i = 0; i < 1000; i++) await port.notify('a', 'x')
    expect(log.stats).toMatchObject({ messages: 100, bytes: 100 })
    for (let i = 0; i < 7; i++) await port.notify('a', '€'.repeat(50))
    expect(log.stats).toMatchObject({ messages: 6, bytes: 900 })
    await port.notify('a', 'x'.repeat(1001))
    expect(log.stats).toMatchObject({ messages: 0, bytes: 0 })
  })

  test('is listened to once for each channel, and no longer when nobody has followed it for a while', async () => {
    log = limited({ idleMs: 20 })
    const readers = [log.read(['a'], null), log.read(['a', 'b'], null)]
    expect(port.listeners.size).toBe(2)
    readers[0]?.close()
    await sleep(60)
    expect(port.listeners.size).toBe(2)
    // Twice is once.
    readers[1]?.close()
    readers[1]?.close()
    const back = log.read(['a'], null)
    await vi.waitUntil(() => port.listeners.size === 1)
    await sleep(30)
    expect(log.stats.channels).toBe(1)
    back.close()
    await vi.waitUntil(() => port.listeners.size === 0)
  })

  test('has a bound of channels too', () => {
    log = limited({ channels: 2 })
    log.read(['a'], null)
    expect(() => log.read(['b', 'c'], null)).toThrow('As many channels')
    log.read(['a', 'b'], null)
    expect(() => log.read(['c'], null)).toThrow('As many channels')
    expect(port.listeners.size).toBe(2)
  })

  test('leaves no timer and no listener behind', async () => {
    const started = vi.spyOn(globalThis, 'setInterval')
    const cleared = vi.spyOn(globalThis, 'clearInterval')
    log = limited({ idleMs: 4 })
    log.read(['a'], null).close()
    await vi.waitUntil(() => log.stats.channels === 0)
    log.read(['b'], null)
    log.close()
    const timers = started.mock.results.map(({ value }) => value as unknown)
    expect(timers).toHaveLength(2)
    for (const timer of timers) expect(cleared).toHaveBeenCalledWith(timer)
    expect(port.listeners.size).toBe(0)
    vi.restoreAllMocks()
  })
})

/** A small generator of numbers below 1 (mulberry32), so that a walk can be repeated. */
function randomOf(seed: number) {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

test('whatever happens, who comes and goes gets each message once, or is told that some may be missing', async () => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = randomOf(seed)
    const below = (most: number) => Math.floor(random() * most)
    const small = limited({ messages: 1 + below(8) })
    const channels = ['a', 'b', 'c'].slice(0, 1 + below(3))
    let reader = small.read(channels, null)
    let live: ReturnType<typeof listen> | undefined
    const sent: string[] = []
    const got: Message[] = []
    const leave = () => {
      live?.cancel()
      got.push(...(live?.heard ?? []))
      live = undefined
      reader.close()
    }
    for (let step = 0; step < 60; step++) {
      const act = below(10)
      if (act < 6) {
        const channel = channels[below(channels.length)] ?? 'a'
        sent.push(`${channel} ${step}`)
        await port.notify(channel, String(step))
      } else if (act === 6) {
        leave()
        reader = small.read(channels, small.idOf(reader.position))
      } else if (act === 7 && !live) got.push(...reader.take(1 + below(3)))
      else if (act === 8) live ??= listen(reader, channels)
      else await new Promise(setImmediate)
    }
    leave()
    got.push(...small.read(channels, small.idOf(reader.position)).take(Infinity))
    // Numbers grow, so nothing comes twice, and nothing out of order.
    for (const [index, { id }] of got.entries())
      expect(id, `seed ${seed}`).toBeGreaterThan(got[index - 1]?.id ?? 0)
    for (const channel of channels) expect(faultsOf(channel, sent, got), `seed ${seed}`).toEqual([])
    small.close()
  }
})

/** What was lost in silence, or came where something else should have. */
function faultsOf(channel: string, allSent: readonly string[], got: readonly Message[]): string[] {
  const sent = allSent.filter((text) => text.startsWith(channel))
  const heard = got.filter((message) => message.channel === channel)
  const faults: string[] = []
  let next = 0
  for (const [index, { text }] of heard.entries()) {
    if (text === null) {
      // As many may be missing as there are up to the one that follows.
      const following = heard.slice(index).find((message) => message.text !== null)
      next = following ? sent.indexOf(`${channel} ${following.text}`) : sent.length
    } else if (sent[next++] !== `${channel} ${text}`) faults.push(`${channel} ${text}`)
  }
  return [...faults, ...sent.slice(next)]
}
