import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { DatabaseError } from '@overlap/workload'
import { Client } from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { Channels } from '../src/channels.ts'
import { openPort, type RealPort, type RunOptions } from '../src/index.ts'
import { createListen } from '../src/listen.ts'
import { PgClient } from '../src/pg-client.ts'
import type { Pace } from '../src/standing-connection.ts'
import { Watcher } from '../src/watcher.ts'
import { runScript } from './child.ts'
import { useCluster, type Cluster } from './cluster.ts'
import { listenTo, type Ear } from './ear.ts'
import { eventually, GONE_MS } from './eventually.ts'
import { ask, doomed } from './outcome.ts'
import { startRawServer } from './raw-server.ts'
import { startRelay, type Relay } from './relay.ts'
import { watch, type Witness } from './witness.ts'

const NAME = 'listen.test'
const NOWHERE = 'http://127.0.0.1:1'
let cluster: Cluster
let witness: Witness
/** Somebody else, who sends. */
let sender: Client
let port: RealPort

function open(databaseUrl = cluster.url) {
  return openPort({ databaseUrl, upstreamUrls: [NOWHERE], poolMax: 1, applicationName: NAME })
}

beforeAll(async () => {
  cluster = await useCluster()
  witness = await watch(cluster.url, NAME)
  sender = new Client({ connectionString: cluster.url })
  await sender.connect()
})
afterAll(async () => {
  await Promise.all([witness.leave(), sender.end()])
  await cluster.stop()
})
beforeEach(() => void (port = open()))
afterEach(async () => {
  await port.close()
  await eventually('nobody is connected', async () => (await witness.connections()) === 0)
})

async function send(channel: string, ...texts: readonly string[]) {
  await sender.query('SELECT pg_notify($1, text) FROM unnest($2::text[]) AS text', [channel, texts])
}

/** All that was sent before has come by when this has. */
async function sentinel(ears: readonly Ear[], channel: string, text = 'the end') {
  await send(channel, text)
  await Promise.all(ears.map((ear) => ear.hears(text)))
}

function numbers(count: number): string[] {
  return Array.from({ length: count }, (_, n) => String(n))
}

/** The part of a port that listens, at another pace. */
function openChannels(databaseUrl: string, pace: Pace) {
  const channels = new Channels(() => new PgClient(databaseUrl, NAME), pace)
  return {
    channels,
    forRun: ({ observe }: RunOptions) => ({
      ...port,
      listen: createListen(channels, new Watcher(observe)),
    }),
  }
}

async function withRelay(use: (relay: Relay) => Promise<void>) {
  const relay = await startRelay(cluster.url)
  try {
    await use(relay)
  } finally {
    await relay.stop()
  }
}

describe('a listener', () => {
  test('gets what is sent to its channel, in order, as the others of the channel do', async () => {
    const [one, two, other] = ['a', 'a', 'b'].map((channel) => listenTo(port, channel))
    if (!one || !two || !other) throw new Error('there are three')
    await Promise.all([one.listens(), two.listens(), other.listens()])
    await sender.query(`SELECT pg_notify(chr(97 + n % 2), n::text) FROM generate_series(0, 1999) n`)
    await sentinel([one, two], 'a')
    await sentinel([other], 'b')
    const sent = numbers(2_000)
    expect(one.texts).toEqual([...sent.filter((text) => Number(text) % 2 === 0), 'the end'])
    expect(two.messages).toEqual(one.messages)
    expect(other.texts).toEqual([...sent.filter((text) => Number(text) % 2 === 1), 'the end'])
    const ids = [...one.messages, ...other.messages].map(({ id }) => id).toSorted((a, b) => a - b)
    expect(ids).toEqual(Array.from({ length: 2_002 }, (_, n) => n + 1))
    expect(one.messages[0]).toEqual({ id: 1, channel: 'a', text: '0' })
    expect(await witness.connections()).toBe(1)
  })

  test('gets nothing of what was sent before it came, nor after it has left', async () => {
    const early = await listenTo(port, 'a').listens()
    await send('a', 'early')
    await early.hears('early')
    const late = listenTo(port, 'a')
    expect(late.events).toEqual(['started', 'sent'])
    await send('a', 'both')
    await late.hears('both')
    early.leave()
    expect(early.events).toEqual(['started', 'sent', 'cancelled', 'stopped'])
    await sentinel([late], 'a')
    expect(early.texts).toEqual(['early', 'both'])
    expect(late.texts).toEqual(['both', 'the end'])
  })

  test.for([
    '',
    'it\'s a "quoted" \\ $1 text',
    'first\nsecond\r\n\tthird',
    '𝄞 👩‍👩‍👧 naïve ключ',
    'é'.repeat(3_999) + 'x',
    'null',
  ])('gets text %# as it was sent', async (text) => {
    const ear = await listenTo(port, 'a').listens()
    await port.notify('a', text)
    await ear.hears(text)
    expect(ear.messages).toEqual([{ id: 1, channel: 'a', text }])
  })

  test('hears a channel by exactly its name', async () => {
    const names = ['SELECT', 'Mixed', 'mixed', '1', 'a.b:c-d', '-', '__', 'x'.repeat(63)]
    const ears = names.map((name) => listenTo(port, name))
    await Promise.all(ears.map((ear) => ear.listens()))
    expect(port.stats()).toMatchObject({ channels: names.length, channelConnections: 1 })
    for (const name of names) await port.notify(name, name)
    await Promise.all(ears.map((ear, n) => ear.hears(names[n] ?? '')))
    expect(ears.map((ear) => ear.messages.length)).toEqual(names.map(() => 1))
  })

  test.for(['', 'x'.repeat(64), 'a b', 'a"; SELECT 1; --', 'ключ', 'a\n'])(
    'cannot listen to %j, and nobody can send to it',
    async (channel) => {
      expect(() => port.listen(channel)).toThrow(new RangeError(`channel: ${expectedName(channel)}`))
      await expect(port.notify(channel, '')).rejects.toThrow(RangeError)
      expect(port.stats().channelConnections).toBe(0)
    },
  )

  test('that throws disturbs nobody else', async () => {
    const child = await runScript(`
      const port = openPort({ databaseUrl: '${cluster.url}', upstreamUrls: ['${NOWHERE}'], poolMax: 1 })
      const heard = []
      let listening = 0
      const thrown = []
      process.on('uncaughtException', (error) => thrown.push(error.message))
      const observe = (_, event) => {
        if (event === 'sent' && ++listening === 3) send()
      }
      const send = () => port.notify('a', '1').then(() => port.notify('a', '2')).catch(() => {})
      const { listen } = port.forRun({ dbMs: 0, httpMs: 0, observe })
      const done = () => heard.push('done')
      listen('a')(({ text }) => heard.push('first ' + text), done)
      listen('a')(({ text }) => { throw new Error('thrown at ' + text) }, () => { throw new Error('thrown at the end') })
      listen('a')(({ text }) => {
        heard.push('third ' + text)
        if (text === '2') port.close().then(() => tell({ heard: heard.join(), thrown: thrown.join() }))
      }, done)
    `)
    expect(await child.told).toEqual({
      heard: 'first 1,third 1,first 2,third 2,done,done',
      thrown: 'thrown at 1,thrown at 2,thrown at the end',
    })
    expect(await child.exit).toBe(0)
  })

  test('that is sent away from within, just before it would listen, is told nothing any more', async () => {
    const events: string[] = []
    let leave = () => {}
    const observe = (_: string, event: string, id: number) => {
      events.push(`${id} ${event}`)
      if (event === 'sent') leave()
    }
    const { listen } = port.forRun({ dbMs: 0, httpMs: 0, observe })
    const ignore = () => {}
    listen('a')(ignore, ignore)
    leave = listen('a')(ignore, ignore)
    await eventually('it listens', () => events.length > 2)
    expect(events).toEqual(['0 started', '1 started', '0 sent', '1 cancelled', '1 stopped'])
  })

  test('may leave, bring others in and send others away from within', async () => {
    const joined: Ear[] = []
    let later: Ear | undefined
    const first = listenTo(port, 'a', ({ text }) => {
      if (text === 'come') joined.push(listenTo(port, 'a'), listenTo(port, 'b'))
      if (text === 'go') later?.leave()
      if (text === 'leave') first.leave()
    })
    later = listenTo(port, 'a')
    await first.listens()
    await send('a', 'come', 'go', 'leave', 'gone')
    const [a, b] = joined.length === 2 ? joined : await first.hears('leave').then(() => joined)
    if (!a || !b) throw new Error('they have come')
    await b.listens()
    await sentinel([a], 'a')
    await sentinel([b], 'b')
    expect(first.texts).toEqual(['come', 'go', 'leave'])
    expect(later.texts).toEqual(['come'])
    expect(a.texts).toEqual(['go', 'leave', 'gone', 'the end'])
    expect(b.texts).toEqual(['the end'])
  })
})

function expectedName(channel: string) {
  return `expected 1 to 63 letters, digits, _, -, . or :, got ${JSON.stringify(channel)}`
}

describe('notify', () => {
  test.for([
    ['x'.repeat(8_000), 'text: expected at most 7999 bytes, got 8000'],
    ['é'.repeat(4_000), 'text: expected at most 7999 bytes, got 8000'],
    ['a\0b', 'text: expected no NUL, got one'],
  ] as const)('refuses text %# and asks nobody', async ([text, message]) => {
    await expect(port.notify('a', text)).rejects.toThrow(new RangeError(message))
    expect(port.stats().database.open).toBe(0)
  })

  test('fails when the port is closed', async () => {
    await port.close()
    await expect(port.notify('a', '')).rejects.toMatchObject({
      name: 'DatabaseError',
      message: 'the port is closed',
    })
  })
})

describe('who leaves', () => {
  test('while the connection is being opened has stopped, and nothing is listened to', async () => {
    const ear = listenTo(port, 'a')
    ear.leave()
    ear.leave()
    expect(ear.events).toEqual(['started', 'cancelled', 'stopped'])
    const next = await listenTo(port, 'b').listens()
    expect(await witness.queries()).toEqual(['LISTEN "b"'])
    await send('a', 'to nobody')
    await sentinel([next], 'b')
  })

  test('while LISTEN is under way has stopped once UNLISTEN holds', async () => {
    const keeper = await listenTo(port, 'b').listens()
    const ear = listenTo(port, 'a')
    ear.leave()
    expect(ear.events).toEqual(['started', 'cancelled'])
    await ear.stopped()
    expect(ear.events).toEqual(['started', 'cancelled', 'stopped'])
    expect(await witness.queries()).toEqual(['UNLISTEN "a"'])
    await send('a', 'to nobody')
    await sentinel([keeper], 'b')
    expect(port.stats().channels).toBe(1)
  })

  test('while it listens has stopped once UNLISTEN holds: within 100 ms', async () => {
    const keeper = await listenTo(port, 'b').listens()
    const ear = await listenTo(port, 'a').listens()
    expect(port.stats().channels).toBe(2)
    const leftAt = performance.now()
    ear.leave()
    expect(port.stats().channels).toBe(2)
    await ear.stopped()
    expect(performance.now() - leftAt).toBeLessThan(GONE_MS)
    expect(port.stats().channels).toBe(1)
    expect(await witness.queries()).toEqual(['UNLISTEN "a"'])
    await send('a', 'to nobody')
    await sentinel([keeper], 'b')
    expect(keeper.texts).toEqual(['the end'])
  })

  test('while another comes misses nothing for the other: it listens anew', async () => {
    const keeper = await listenTo(port, 'b').listens()
    for (let round = 0; round < 50; round++) {
      const one = await listenTo(port, 'a').listens()
      one.leave()
      const two = listenTo(port, 'a')
      expect(two.events).toEqual(['started'])
      const sending = send('a', 'before or after')
      await two.listens()
      await sending
      await sentinel([two], 'a')
      two.leave()
      await Promise.all([one.stopped(), two.stopped()])
      expect(port.stats().channels).toBe(1)
    }
    await sentinel([keeper], 'b')
    expect(port.stats()).toMatchObject({ channels: 1, channelConnections: 1 })
  })

  test('has stopped as soon as another listens, before UNLISTEN could be sent', async () => {
    const keeper = await listenTo(port, 'b').listens()
    const one = await listenTo(port, 'a').listens()
    const busy = listenTo(port, 'c')
    expect(port.stats().channels).toBe(2)
    one.leave()
    expect(one.events.at(-1)).toBe('cancelled')
    const two = listenTo(port, 'a')
    expect(two.events).toEqual(['started', 'sent'])
    expect(one.events.at(-1)).toBe('stopped')
    await busy.listens()
    await sentinel([two], 'a')
    expect(await witness.queries()).toEqual(['LISTEN "c"'])
    for (const ear of [keeper, two]) ear.leave()
    await two.stopped()
    expect(one.events).toEqual(['started', 'sent', 'cancelled', 'stopped'])
  })

  test('while the connection is opened again has stopped, and the others listen', async () => {
    await withRelay(async (relay) => {
      const relayed = open(relay.url)
      const keeper = await listenTo(relayed, 'a').listens()
      const ear = await listenTo(relayed, 'b').listens()
      relay.hangUp()
      await eventually('it is lost', () => relayed.stats().channels === 0)
      ear.leave()
      expect(ear.events).toEqual(['started', 'sent', 'cancelled', 'stopped'])
      await keeper.hears(null)
      expect(await witness.queries()).toEqual(['LISTEN "a"'])
      await send('b', 'to nobody')
      await sentinel([keeper], 'a')
      expect(keeper.texts).toEqual([null, 'the end'])
      await relayed.close()
    })
  })

  test('just before the connection is lost has stopped when it is', async () => {
    await withRelay(async (relay) => {
      const relayed = open(relay.url)
      const ear = await listenTo(relayed, 'a').listens()
      relay.loseQueries()
      ear.leave()
      const again = listenTo(relayed, 'a')
      await sleep(20)
      expect(ear.events.at(-1)).toBe('cancelled')
      relay.hangUp()
      await ear.stopped()
      await again.listens()
      await sentinel([again], 'a')
      expect(again.texts).toEqual(['the end'])
      await relayed.close()
    })
  })

  test('as the last leaves a connection for the next, until it has been idle for a while', async () => {
    const pace = { idleMs: 200, answerMs: 5_000 }
    const own = openChannels(cluster.url, pace)
    const first = await listenTo(own, 'a').listens()
    const [pid] = await witness.backends()
    first.leave()
    await first.stopped()
    const second = await listenTo(own, 'b').listens()
    expect(await witness.backends()).toEqual([pid])
    await sleep(3 * pace.idleMs)
    expect(await witness.backends()).toEqual([pid])
    second.leave()
    await eventually('it is closed', () => own.channels.connections === 0)
    await eventually('the server has seen it', async () => (await witness.connections()) === 0)
    const [third, fourth] = [listenTo(own, 'a'), listenTo(own, 'b')]
    await Promise.all([third.listens(), fourth.listens()])
    await sentinel([third], 'a')
    await sentinel([fourth], 'b')
    expect([third.texts, fourth.texts]).toEqual([['the end'], ['the end']])
    await own.channels.close()
  })

  test('a connection that is lost while nobody listens is opened for the next', async () => {
    const first = await listenTo(port, 'a').listens()
    first.leave()
    await first.stopped()
    await witness.terminate()
    await eventually('it is lost', () => port.stats().channelConnections === 0)
    await sleep(100)
    expect(await witness.connections()).toBe(0)
    const second = await listenTo(port, 'a').listens()
    await sentinel([second], 'a')
    expect(second.texts).toEqual(['the end'])
  })
})

test(
  '500 listeners come and go while messages flow: whoever stays misses nothing',
  { timeout: 60_000 },
  async () => {
    const random = randomOf(20_261)
    // Somebody stays in some of them. The others are empty most of the time.
    const channels = numbers(200).map((n) => `c${n}`)
    const stay = channels.slice(0, 20).map((channel) => listenTo(port, channel))
    await Promise.all(stay.map((ear) => ear.listens()))
    const heardFrom = new Map<Ear, { channel: number; from: number; to: number }>()
    const flow = startFlow(channels)
    const crowd = Array.from({ length: 500 }, async () => {
      for (let visit = 0; visit < 4; visit++) {
        await sleep(random(100))
        const channel = random(channels.length)
        const ear = listenTo(port, `c${channel}`)
        if (random(3) === 0) {
          await sleep(random(2))
          ear.leave()
          await ear.stopped()
          continue
        }
        await ear.listens()
        // What is under way now may have been sent before, what comes after it has not.
        const from = flow.sent + 1
        await sleep(random(100))
        const to = flow.sent - 1
        if (to >= from) await eventually('it hears', () => Number(ear.texts.at(-1) ?? -1) >= to)
        ear.leave()
        heardFrom.set(ear, { channel, from, to })
        await ear.stopped()
      }
    })
    await Promise.all(crowd)
    const sent = await flow.stop()
    expect(heardFrom.size).toBeGreaterThan(1_000)
    for (const [ear, { channel, from, to }] of heardFrom) {
      const heard = ear.texts.map(Number)
      const [first = from] = heard
      expect(heard).toEqual(heard.map((_, n) => first + n))
      expect(first).toBeLessThanOrEqual(from)
      expect(to < from || (heard.at(-1) ?? -1) >= to).toBe(true)
      expect(ear.messages.every((message) => message.channel === `c${channel}`)).toBe(true)
    }
    await Promise.all(stay.map((ear) => ear.hears(String(sent - 1))))
    for (const ear of stay) expect(ear.texts).toEqual(numbers(sent))
    expect(port.stats()).toMatchObject({ channels: stay.length, channelConnections: 1 })
    expect(await witness.connections()).toBe(1)
  },
)

/** Sends 0, 1, 2 … to each of the channels, until it is stopped. */
function startFlow(channels: readonly string[]) {
  const stopping = new AbortController()
  let sent = 0
  const flowing = (async () => {
    for (; !stopping.signal.aborted; sent++)
      await sender.query('SELECT pg_notify(c, $1) FROM unnest($2::text[]) AS c', [String(sent), channels])
  })()
  return {
    get sent() {
      return sent
    },
    async stop() {
      stopping.abort()
      await flowing
      return sent
    },
  }
}

/** The same numbers each time: whole ones below `below`. */
function randomOf(seed: number) {
  let state = seed
  return (below: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

describe('a connection that is lost', () => {
  test('is opened again, and every listener is told once', async () => {
    const ears = ['a', 'a', 'b', ...numbers(100)].map((channel) => listenTo(port, channel))
    await Promise.all(ears.map((ear) => ear.listens()))
    const before = ears.slice(0, 3)
    await send('a', 'before')
    await send('b', 'before')
    await Promise.all(before.map((ear) => ear.hears('before')))
    expect(await witness.terminate()).toBe(1)
    await Promise.all(ears.map((ear) => ear.hears(null)))
    expect(port.stats()).toMatchObject({ channels: 102, channelConnections: 1 })
    await sentinel(before.slice(0, 2), 'a')
    await sentinel(before.slice(2), 'b')
    for (const ear of before) expect(ear.texts).toEqual(['before', null, 'the end'])
    for (const ear of ears.slice(3)) expect(ear.texts).toEqual([null])
    const [one, two, other] = before
    expect(two?.messages).toEqual(one?.messages)
    const ids = [...(one?.messages ?? []), ...(other?.messages ?? [])].map(({ id }) => id)
    expect(new Set(ids).size).toBe(6)
    for (const ear of before) expect(ear.messages.map(({ id }) => id)).toEqual(grown(ear))
    for (const ear of ears) expect(ear.events).toEqual(['started', 'sent'])
    await eventually('there is one connection', async () => (await witness.connections()) === 1)
  })

  test('is no gap for who comes from within the message that tells of it', async () => {
    const late: Ear[] = []
    const ear = listenTo(port, 'a', ({ text }) => {
      if (text === null) late.push(listenTo(port, 'a'))
    })
    await ear.listens()
    await witness.terminate()
    await ear.hears(null)
    await sentinel([ear, ...late], 'a')
    expect(late.map(({ texts }) => texts)).toEqual([['the end']])
  })

  test('is no gap for who comes while it is down, nor for whose LISTEN was not answered', async () => {
    await withRelay(async (relay) => {
      const relayed = open(relay.url)
      const before = await listenTo(relayed, 'a').listens()
      relay.loseAnswers()
      const asked = listenTo(relayed, 'b')
      relay.hangUp()
      await eventually('it is lost', () => relayed.stats().channels === 0)
      const meanwhile = [listenTo(relayed, 'a'), listenTo(relayed, 'c')]
      await Promise.all([before.hears(null), asked.listens(), ...meanwhile.map((ear) => ear.listens())])
      for (const channel of ['a', 'b', 'c']) await send(channel, 'the end')
      await Promise.all([before, asked, ...meanwhile].map((ear) => ear.hears('the end')))
      expect(before.texts).toEqual([null, 'the end'])
      for (const ear of [asked, ...meanwhile]) expect(ear.texts).toEqual(['the end'])
      await relayed.close()
    })
  })

  test.for(['loseAnswers', 'loseQueries'] as const)(
    'without a word (%s) is noticed, and opened again',
    async (lose) => {
      await withRelay(async (relay) => {
        const own = openChannels(relay.url, { idleMs: 50, answerMs: 300 })
        const ear = await listenTo(own, 'a').listens()
        await sleep(200)
        expect(ear.texts).toEqual([])
        relay[lose]()
        relay.linger()
        await send('a', 'lost')
        await ear.hears(null)
        await sentinel([ear], 'a')
        expect(ear.texts.filter((text) => text !== 'lost')).toEqual([null, 'the end'])
        expect(own.channels.connections).toBe(1)
        await own.channels.close()
      })
    },
  )

  test('again and again hides no gap', { timeout: 30_000 }, async () => {
    const ears = ['a', 'a', 'b'].map((channel) => listenTo(port, channel))
    await Promise.all(ears.map((ear) => ear.listens()))
    const flow = startFlow(['a', 'b'])
    for (let kill = 0; kill < 6; kill++) {
      const nulls = () => ears.map((ear) => ear.texts.filter((text) => text === null).length)
      const before = nulls()
      await eventually('messages flow', () => ears.every(({ texts }) => typeof texts.at(-1) === 'string'))
      await witness.terminate()
      await eventually('all are told', () => nulls().every((count, n) => count > (before[n] ?? 0)))
      expect(nulls()).toEqual(before.map((count) => count + 1))
    }
    const sent = await flow.stop()
    await Promise.all(ears.map((ear) => ear.hears(String(sent - 1))))
    for (const ear of ears) {
      const afterGap = ear.texts.map((text, n) => n > 0 && ear.texts[n - 1] === null && text !== null)
      const expected = ear.texts.map((text, n) => {
        if (n === 0) return '0'
        return text === null || afterGap[n] ? text : String(Number(ear.texts[n - 1]) + 1)
      })
      expect(ear.texts).toEqual(expected)
      expect(ear.messages.map(({ id }) => id)).toEqual(grown(ear))
    }
  })

  test('and refused for its credentials ends every listener', async () => {
    const role = `listener_${process.pid}`
    await witness.sql(`CREATE ROLE ${role} LOGIN`)
    const url = new URL(cluster.url)
    url.username = role
    url.password = ''
    const other = open(url.href)
    const ears = ['a', 'a', 'b'].map((channel) => listenTo(other, channel))
    await Promise.all(ears.map((ear) => ear.listens()))
    await witness.sql(`ALTER ROLE ${role} NOLOGIN`)
    await witness.terminate()
    await eventually('all are told', () => ears.every((ear) => ear.error))
    for (const ear of ears) {
      expect(ear.error).toMatchObject({ name: 'DatabaseError', code: '28000' })
      expect(ear.events).toEqual(['started', 'sent', 'failed'])
    }
    await eventually('it rests', () => other.stats().channelConnections === 0)
    await other.close()
    await witness.sql(`DROP ROLE ${role}`)
  })
})

/** The ids as they are, if each is greater than the one before. */
function grown({ messages }: Ear) {
  let last = 0
  return messages.map(({ id }) => (last = Math.max(id, last + 1)))
}

describe('a database that is down', () => {
  const DOWN = 'postgres://postgres@127.0.0.1:1/postgres'

  test('fails whoever listens, clearly, and again', async () => {
    const other = open(DOWN)
    for (let round = 0; round < 3; round++) {
      const ears = ['a', 'a', 'b'].map((channel) => listenTo(other, channel))
      await eventually('all are told', () => ears.every((ear) => ear.error))
      for (const { error, events } of ears) {
        expect(error).toBeInstanceOf(DatabaseError)
        expect(error).toMatchObject({ code: 'ECONNREFUSED', message: 'the database refused the connection' })
        expect(events).toEqual(['started', 'failed'])
      }
    }
    await eventually('it rests', () => other.stats().channelConnections === 0)
    await other.close()
  })

  test('fails each listener, though one of them throws', async () => {
    const child = await runScript(`
      const port = openPort({ databaseUrl: '${DOWN}', upstreamUrls: ['${NOWHERE}'], poolMax: 1 })
      const told = []
      process.on('uncaughtException', (error) => {
        told.push(error.message)
        tell({ told: told.join() })
      })
      port.listen('a')(() => {}, () => { throw new Error('thrown') })
      port.listen('a')(() => {}, ({ code }) => told.push(code))
    `)
    expect(await child.told).toEqual({ told: 'ECONNREFUSED,thrown' })
    expect(await child.exit).toBe(0)
  })

  test('is not asked in a loop by who listens again from within', async () => {
    const other = open(DOWN)
    let attempts = 0
    let stop = false
    const again = () => {
      if (stop) return
      attempts++
      other.listen('a')(() => {}, again)
    }
    again()
    await sleep(200)
    stop = true
    await other.close()
    expect(attempts).toBeGreaterThan(1)
    expect(attempts).toBeLessThan(40)
  })

  test('fails who comes now, and keeps those who listened', async () => {
    const relay = await startRelay(cluster.url)
    const relayed = open(relay.url)
    const ear = await listenTo(relayed, 'a').listens()
    await relay.stop()
    await eventually('it is lost', () => relayed.stats().channels === 0)
    const late = listenTo(relayed, 'a')
    await eventually('it fails', () => late.error !== undefined)
    expect(late.error).toMatchObject({ code: 'ECONNREFUSED' })
    expect(ear.events).toEqual(['started', 'sent'])
    ear.leave()
    expect(ear.events).toEqual(['started', 'sent', 'cancelled', 'stopped'])
    await relayed.close()
  })
})

describe('the attempts to connect again', () => {
  /** A way to Postgres that carries the first connection, and each later one for a while, or none. It notes when one came. */
  async function withWay(
    lifeMs: number,
    use: (way: {
      readonly url: string
      readonly attempts: readonly number[]
      readonly cut: () => void
    }) => Promise<void>,
  ) {
    const attempts: number[] = []
    const { hostname, port: databasePort } = new URL(cluster.url)
    let first: Socket | undefined
    const server = await startRawServer((socket) => {
      attempts.push(performance.now())
      if (first && lifeMs === 0) {
        socket.destroy()
        return
      }
      first ??= socket
      server.pipe(socket, Number(databasePort || 5432), hostname)
      // The first one lasts until it is cut, when somebody listens.
      if (lifeMs > 0 && socket !== first) setTimeout(() => socket.destroy(), lifeMs)
    })
    const url = new URL(cluster.url)
    url.hostname = '127.0.0.1'
    url.port = String(server.port)
    try {
      await use({ url: url.href, attempts, cut: () => first?.destroy() })
    } finally {
      await server.stop()
    }
  }

  const waitsOf = (attempts: readonly number[]) => attempts.slice(1).map((at, n) => at - (attempts[n] ?? NaN))

  afterEach(() => void vi.restoreAllMocks())

  test.for([
    ['are further apart each time, while they fail', 0, 10],
    ['are further apart each time, while what they open does not last', 20, 10_000],
  ] as const)('%s', async ([, lifeMs, idleMs]) => {
    vi.spyOn(Math, 'random').mockReturnValue(0.99)
    await withWay(lifeMs, async ({ url, attempts, cut }) => {
      const own = openChannels(url, { idleMs, answerMs: 5_000 })
      const ear = await listenTo(own, 'a').listens()
      await sleep(20)
      cut()
      await eventually('there were six', () => attempts.length === 7)
      const [, second = NaN, ...later] = waitsOf(attempts)
      expect((later.at(-1) ?? NaN) / second).toBeGreaterThan(4)
      ear.leave()
      await own.channels.close()
    })
  })

  test('are not hurried by who comes meanwhile', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.99)
    await withWay(0, async ({ url, attempts, cut }) => {
      const own = openChannels(url, { idleMs: 10_000, answerMs: 5_000 })
      await listenTo(own, 'a').listens()
      cut()
      for (let n = 0; n < 100; n++) {
        listenTo(own, `c${n}`)
        await sleep(2)
      }
      expect(attempts.length).toBeGreaterThan(1)
      expect(attempts.length).toBeLessThan(10)
      await own.channels.close()
    })
  })

  test('begin anew once a connection has lasted', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.99)
    await withWay(100, async ({ url, attempts, cut }) => {
      const own = openChannels(url, { idleMs: 20, answerMs: 5_000 })
      await listenTo(own, 'a').listens()
      await sleep(50)
      cut()
      await eventually('there were six', () => attempts.length === 7)
      const [first = NaN, ...later] = waitsOf(attempts)
      expect((later.at(-1) ?? NaN) / first).toBeLessThan(4)
      await own.channels.close()
    })
  })

  test.for(['has left', 'has closed the port'])('end when the last %s', async (end) => {
    await withWay(0, async ({ url, attempts, cut }) => {
      const own = openChannels(url, { idleMs: 10_000, answerMs: 5_000 })
      const ear = await listenTo(own, 'a').listens()
      const closing = Promise.withResolvers<void>()
      cut()
      const { listen } = own.forRun({
        dbMs: 0,
        httpMs: 0,
        observe(_, event) {
          // Told when the connection has been lost, and the next attempt is due.
          if (event !== 'stopped') return
          if (end === 'has left') ear.leave()
          closing.resolve(end === 'has left' ? undefined : own.channels.close())
        },
      })
      listen('c')(
        () => {},
        () => {},
      )()
      await closing.promise
      await sleep(300)
      expect(attempts).toHaveLength(1)
      ear.leave()
      if (end === 'has left') await own.channels.close()
    })
  })
})

describe('close', () => {
  test.for(['connecting', 'listening', 'asking', 'idle', 'connecting again', 'waiting to connect again'])(
    'while it is %s ends every listener, the connection and the timers',
    async (phase) => {
      const relay = await startRelay(cluster.url)
      const relayed = open(relay.url)
      const ears = [listenTo(relayed, 'a'), listenTo(relayed, 'b')]
      const [first] = ears
      if (phase !== 'connecting') await Promise.all(ears.map((ear) => ear.listens()))
      if (phase === 'asking') {
        relay.loseQueries()
        ears.push(listenTo(relayed, 'c'))
        await sleep(10)
      }
      if (phase === 'idle') {
        for (const ear of ears.splice(0)) ear.leave()
        await first?.stopped()
      }
      if (phase.endsWith('again')) {
        await relay.stop()
        const down = phase.startsWith('waiting') ? 0 : 1
        await eventually(phase, () => relayed.stats().channelConnections === down)
      }
      const left = listenTo(relayed, 'd')
      const closedAt = performance.now()
      const closing = relayed.close()
      left.leave()
      expect(relayed.close()).toBe(closing)
      await closing
      expect(performance.now() - closedAt).toBeLessThan(GONE_MS)
      expect(relayed.stats()).toMatchObject({ channels: 0, channelConnections: 0 })
      await sleep(0)
      for (const ear of ears) expect(ear.error).toMatchObject({ message: 'the port is closed' })
      if (!phase.endsWith('again')) await relay.stop()
      const late = listenTo(relayed, 'a')
      expect(late.error).toBeUndefined()
      await sleep(0)
      expect(late.error).toMatchObject({ message: 'the port is closed' })
      expect(left.events).toEqual(['started', 'cancelled', 'stopped'])
      const never = listenTo(relayed, 'a')
      never.leave()
      await sleep(0)
      expect(never.events).toEqual(['started', 'cancelled', 'stopped'])
    },
  )

  test('from within leaves nothing', async () => {
    const child = await runScript(`
      const port = openPort({ databaseUrl: '${cluster.url}', upstreamUrls: ['${NOWHERE}'], poolMax: 1 })
      const told = []
      const observe = (_, event) => {
        told.push(event)
        if (event === 'sent') port.close().then(() => tell({ told: told.join() }))
      }
      port.forRun({ dbMs: 0, httpMs: 0, observe }).listen('a')(() => {}, () => told.push('done'))
    `)
    expect(await child.told).toEqual({ told: 'started,sent,failed,done' })
    expect(await child.exit).toBe(0)
  })

  test.for(['listening', 'down'])('lets a process end by itself, when it was %s', async (phase) => {
    const child = await runScript(`
      const relayUrl = '${phase === 'down' ? 'postgres://postgres@127.0.0.1:1/postgres' : cluster.url}'
      const port = openPort({ databaseUrl: relayUrl, upstreamUrls: ['${NOWHERE}'], poolMax: 1 })
      let ended = 0
      for (let n = 0; n < 10; n++) port.listen('c' + n)(() => {}, () => ended++)
      await new Promise((resolve) => setTimeout(resolve, 200))
      await port.close()
      tell({ ended: String(ended) })
    `)
    expect(await child.told).toEqual({ ended: '10' })
    expect(await child.exit).toBe(0)
  })
})

describe('a pool that is busy', () => {
  test('holds no message up', async () => {
    await port.prepare()
    const cancel = doomed(port.forRun({ dbMs: 10_000, httpMs: 0 }).findStock, 'A-42')
    await eventually('it runs', async () => (await witness.running()) === 1)
    const waiting = ask(port.findStock, 'A-42')
    const ear = await listenTo(port, 'a').listens()
    await send('a', 'through')
    await ear.hears('through')
    expect(port.stats()).toMatchObject({ database: { lent: 1, waiting: 1, open: 1 }, channelConnections: 1 })
    expect(await witness.connections()).toBe(2)
    cancel()
    await waiting
  })
})
