/** What is sent to one follower, and when it is too slow: its connection is ours, and takes what we say. */
import { DatabaseError, type Message, OverflowError, type Style } from '@overlap/workload'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { FeedLog, LOG_LIMITS } from '../src/feed-log.ts'
import { follow } from '../src/follow.ts'
import { Lane } from '../src/lanes.ts'
import { Run } from '../src/run.ts'
import { ClientLeftError, Runs } from '../src/runs.ts'
import { styles } from '../src/styles.ts'
import { Tally } from '../src/tally.ts'
import { ScriptedPort } from './scripted-port.ts'

let port: ScriptedPort
let log: FeedLog

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  port = new ScriptedPort()
  log = new FeedLog(port, LOG_LIMITS)
})
afterEach(() => {
  log.close()
  vi.useRealTimers()
})

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))
const turns = async () => {
  for (let i = 0; i < 5; i++) await turn()
}

/** Follows channel a. What is sent waits until it is taken. */
async function start(style: Style, capacity: number, after: string | null = null) {
  const reader = log.read(['a'], after)
  await reader.open()
  const cell = { scenario: 'feed', lane: new Lane(style), tally: new Tally(), runs: new Runs() }
  const run = new Run(cell, { byDefault: true, endless: true })
  const taken: string[] = []
  let take: (() => void) | undefined
  const over = follow({
    reader,
    run,
    capacity,
    start: () => {
      const channels = { ...port.forRun({ dbMs: 0, httpMs: 0 }), listen: reader.listen }
      return style.subscribe(channels, { channels: ['a'], capacity }, run.signal)
    },
    send: ({ text }: Message, sent) => {
      take = () => {
        take = undefined
        taken.push(String(text))
        sent()
      }
    },
  })
  await turns()
  return { run, over, taken, take: () => take?.(), waits: () => take !== undefined }
}

const send = async (...texts: string[]) => {
  for (const text of texts) await port.notify('a', text)
}

describe.each(styles)('$name', (style) => {
  test('holds as many as may be unread for a client that is slow, and then gives it up', async () => {
    const { run, over, take, taken, waits } = await start(style, 2)
    await send('1')
    await turns()
    await send('2', '3')
    await turns()
    expect(waits()).toBe(true)
    await send('4')
    await turns()
    vi.advanceTimersByTime(99)
    expect(run.signal.aborted).toBe(false)
    vi.advanceTimersByTime(1)
    const error = await over
    expect(error).toBeInstanceOf(OverflowError)
    expect(error).toMatchObject({ capacity: 2 })
    take()
    expect(taken).toEqual(['1'])
  })

  test('goes on with a client that has taken a message in the turn in which there was no more room', async () => {
    const { run, over, take, taken } = await start(style, 1)
    await send('1')
    await turns()
    await send('2', '3')
    take()
    await turns()
    vi.advanceTimersByTime(99)
    take()
    await turns()
    take()
    await turns()
    vi.advanceTimersByTime(1000)
    expect(run.signal.aborted).toBe(false)
    await send('4')
    await turns()
    take()
    expect(taken).toEqual(['1', '2', '3', '4'])
    run.cancel(new ClientLeftError('left'))
    expect(await over).toBeInstanceOf(ClientLeftError)
    expect(vi.getTimerCount()).toBe(0)
  })

  test('ends with the failure of the channel although its client does not read', async () => {
    const { over } = await start(style, 1)
    await send('1')
    await turns()
    const error = new DatabaseError('lost')
    port.fail('a', error)
    await turns()
    vi.advanceTimersByTime(100)
    expect(await over).toBe(error)
  })

  test('ends with why it is cancelled: while it waits, while it sends, and while it tells what was missed', async () => {
    const reason = new ClientLeftError('left')
    const waiting = await start(style, 1)
    waiting.run.cancel(reason)
    expect(await waiting.over).toBe(reason)
    const sending = await start(style, 1)
    await send('1')
    await turns()
    sending.run.cancel(reason)
    expect(await sending.over).toBe(reason)
    const late = await start(style, 1, log.idOf(0))
    expect(late.waits()).toBe(true)
    late.run.cancel(reason)
    expect(await late.over).toBe(reason)
  })
})
