import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import {
  type Channel,
  DatabaseError,
  type Message,
  OverflowError,
  type Port,
  type Style,
  type SubscribeInput,
} from '@overlap/workload'
import * as fc from 'fast-check'
import type { Clause, RealClause, Subject, Suite } from './clause.ts'
import { collect } from './collect.ts'
import { readByHand } from './read-by-hand.ts'
import { type Ending, type Reference, failure } from './reference.ts'
import type { MadeCall } from './scripted-port.ts'
import { endsClean, refusesInputs, runsExactly, settledOnce, standingClauses } from './standing.ts'
import { type Run, type Trial, assertOutcome, quiet, withTrials } from './trial.ts'
import { walkClause } from './walk.ts'
import { type Seen as SeenWorld, withPort } from './world.ts'

type Messages = readonly Message[]

/** An endless sequence is read for so long in the standing clauses, and then left. */
export const MANY = 3

const listenCall = (channel: Channel): MadeCall => ({ name: 'listen', input: channel })

let lastId = 0
const messageOf = (channel: Channel, text: string | null = 'hello'): Message => ({
  id: ++lastId,
  channel,
  text,
})

/** Another message each time. */
const aMessage = ({ input }: MadeCall) => ({ value: messageOf(String(input)) })

/** `eager`: the consumer reads `MANY`, and leaves. Otherwise it acts. */
const referenceFor =
  (eager: boolean): Reference<SubscribeInput, Messages> =>
  ({ channels, capacity }, history) => {
    let unread: Message[] = []
    const read: Message[] = []
    let waiting = eager ? MANY : 0
    let pulled = eager
    let failed: Ending<Messages> | undefined
    let left = false
    let cancelled: readonly MadeCall[] = []

    for (const happening of history) {
      if ('act' in happening) {
        pulled = true
        if (happening.act === 'leave') left = true
        else waiting++
      } else if ('call' in happening) {
        const { call, outcome } = happening
        // A cast, because a history holds the answers of every call.
        if ('value' in outcome) unread.push(outcome.value as Message)
        else failed = outcome
        const isOver = waiting === 0 && unread.length > capacity
        if (isOver) failed = { errorLike: new OverflowError(capacity) }
        if (failed) {
          unread = []
          cancelled = channels.map(listenCall).filter(({ input }) => isOver || input !== call.input)
        }
      }
      for (; waiting > 0 && unread.length > 0; waiting--) read.push(...unread.splice(0, 1))
    }
    return {
      calls: pulled ? channels.map(listenCall) : [],
      cancelled,
      acts: eager ? [] : [...(waiting < 3 ? pulls : []), ...leaves],
      outcome:
        left || read.length === (eager ? MANY : Infinity)
          ? { value: read }
          : waiting > 0
            ? failed
            : undefined,
    }
  }

/** About as likely as a message. */
const pulls = Array.from({ length: 12 }, () => 'pull')

/** Likelier than a failure: who has left tells what has been read. */
const leaves = Array.from({ length: 3 }, () => 'leave')

/** It reads some, as eagerly as can be, and leaves. */
const subject: Subject<SubscribeInput, Messages> = {
  scenario: 'subscribe',
  run: (style) => collect(style.subscribe.bind(style), MANY),
  input: (n) => ({
    channels: ['a', 'b', 'c'].slice(0, 3 - (n % 3)).map((channel) => `${channel}-${n}`),
    capacity: 1 + (n % 3),
  }),
  answersTo: (call) => [aMessage(call), failure(call)],
  reference: referenceFor(true),
}

/** It reads when it likes, and may leave. */
const byHand: Subject<SubscribeInput, Messages> = {
  ...subject,
  run: (style) => readByHand(style.subscribe.bind(style)),
  answersTo: (call) => [...Array.from({ length: 6 }, () => aMessage(call)), failure(call)],
  reference: referenceFor(false),
}

const inputs: fc.Arbitrary<SubscribeInput> = fc.record({
  channels: fc.uniqueArray(fc.constantFrom('a', 'b', 'c'), { minLength: 1 }),
  capacity: fc.integer({ min: 1, max: 4 }),
})

type Reading = Trial<Messages>

/** What a clause does with one run. */
interface Seen {
  readonly trial: Reading
  /** Asks for one message more, `times` times, and lets happen what follows from each. */
  readonly pull: (times?: number) => Promise<void>
  readonly leave: () => Promise<void>
  /** Has a message come over each of the channels, in one tick. Answers them. */
  readonly come: (...channels: readonly Channel[]) => Promise<Messages>
  readonly fail: (channel: Channel) => Promise<{ readonly error: Error }>
  /** Exactly these channels are listened to. */
  readonly listensTo: (...channels: readonly Channel[]) => void
}

/** One clause on a run whose consumer acts, for each of the inputs. */
const clause = (
  id: string,
  title: string,
  { channels = ['a', 'b', 'c'], capacities = [2] }: Partial<Inputs>,
  body: (seen: Seen, capacity: number) => Promise<void>,
): Clause => ({
  id,
  title,
  check: (style) =>
    withTrials(async (start) => {
      for (const capacity of capacities) {
        await body(await look(start(byHand.run(style), { channels, capacity })), capacity)
      }
    }),
})

interface Inputs {
  readonly channels: readonly Channel[]
  readonly capacities: readonly number[]
}

async function look(trial: Reading): Promise<Seen> {
  const act = async (name: string) => {
    trial.happen({ act: name })
    await quiet()
  }
  await quiet()
  return {
    trial,
    async pull(times = 1) {
      for (let time = 0; time < times; time++) await act('pull')
    },
    leave: () => act('leave'),
    async come(...channels) {
      const messages = channels.map((channel) => messageOf(channel))
      for (const value of messages) trial.answer({ call: listenCall(value.channel), outcome: { value } })
      await quiet()
      return messages
    },
    async fail(channel) {
      const call = listenCall(channel)
      const outcome = failure(call)
      trial.answer({ call, outcome })
      await quiet()
      return outcome
    },
    listensTo: (...channels) => runsExactly(trial, channels.map(listenCall)),
  }
}

/** The very messages, in that order. */
function hasRead({ outcome }: Reading, messages: Messages): void {
  assert(outcome, 'it has not ended')
  assert('value' in outcome, `it has failed: ${'error' in outcome && String(outcome.error)}`)
  const { value } = outcome
  // Not `deepEqual`: what of a thousand differs takes long to tell, and nobody reads it.
  assert(isDeepStrictEqual(value, messages), 'it has read others, or in another order')
  for (const [index, message] of messages.entries()) assert.equal(value[index], message, 'it is a copy')
}

/** As many messages as are asked for, over the channels in turns. */
const inTurns = (count: number): readonly Channel[] =>
  Array.from({ length: count }, (_, n) => ['a', 'b', 'c'][n % 3] ?? '')

/** A consumer that asks once, and then for nothing any more, whatever happens. It can leave. */
const resting =
  (style: Style): Run<SubscribeInput, never> =>
  (port, input, signal, controls) => {
    const reader = style.subscribe(port, input, signal)[Symbol.asyncIterator]()
    void reader.next()
    controls.act = () => void reader.return?.()
    return Promise.withResolvers<never>().promise
  }

/** Two readers of one subscription, `read` by each: acts are `pull 0`, `leave 0`, and the same of 1. */
const twoReaders =
  (style: Style, read: readonly Message[][]): Run<SubscribeInput, never> =>
  (port, input, signal, controls) => {
    const messages = style.subscribe(port, input, signal)
    const readers = read.map(() => messages[Symbol.asyncIterator]())
    controls.act = (name) => {
      const [verb, n] = name.split(' ')
      const reader = readers[Number(n)]
      if (verb === 'leave') void reader?.return?.()
      else void reader?.next().then(({ done, value }) => done || read[Number(n)]?.push(value))
    }
    return Promise.withResolvers<never>().promise
  }

/** The port, one of whose channels cannot be listened to: asking for it throws, or starting what that hands back. */
const throwing =
  (style: Style, thrown: Error, when: 'asked' | 'started'): Run<SubscribeInput, Messages> =>
  (port, input, signal, controls) => {
    const listen: Port['listen'] = (channel) => {
      if (channel !== 'b') return port.listen(channel)
      if (when === 'asked') throw thrown
      return () => {
        throw thrown
      }
    }
    return byHand.run(style)({ ...port, listen }, input, signal, controls)
  }

/** One subscription to two channels of real Postgres, and what its reader has been told. */
interface RealReading {
  readonly seen: SeenWorld
  readonly channels: readonly [Channel, Channel]
  readonly read: Messages
  /** How it has ended, if it has. */
  readonly ended: () => { readonly error?: unknown } | undefined
  /** Asks for so many messages, one after the other. */
  readonly pull: (times: number) => void
  readonly leave: () => void
  readonly abort: (reason: unknown) => void
}

/**
 * One clause on a reader that asks for `pulls` messages, once both channels are listened to. Nothing waits for
 * what the reader is told, which might be nothing: `seen.until` gives up.
 */
const real = (
  title: string,
  { capacity = 10, pulls: times = Infinity }: { readonly capacity?: number; readonly pulls?: number },
  body: (reading: RealReading) => Promise<void>,
): RealClause => ({
  title,
  check: (style, world) =>
    withPort(world, {}, async (seen) => {
      const channels: RealReading['channels'] = [`a-${randomUUID()}`, `b-${randomUUID()}`]
      const controller = new AbortController()
      const messages = style.subscribe(seen.port, { channels, capacity }, controller.signal)
      const reader = messages[Symbol.asyncIterator]()
      const read: Message[] = []
      let ended: { readonly error?: unknown } | undefined
      async function readSome(count: number) {
        try {
          for (let n = 0; n < count && !ended; n++) {
            const { done, value } = await reader.next()
            if (done) ended = {}
            else read.push(value)
          }
        } catch (error) {
          ended = { error }
        }
      }
      void readSome(times)
      await seen.until('both channels are listened to', () => seen.port.stats().channels === 2)
      await body({
        seen,
        channels,
        read,
        ended: () => ended,
        pull: (count) => void readSome(count),
        leave: () => void reader.return?.(),
        abort: (reason) => controller.abort(reason),
      })
      controller.abort()
    }),
})

export const subscribeSuite: Suite = {
  scenario: 'subscribe',
  clauses: [
    ...standingClauses(subject),
    walkClause(byHand, inputs),
    clause(
      'lazy',
      'listens to nothing before the first pull, and then to every channel at once',
      {},
      async ({ trial, pull, listensTo }) => {
        listensTo()
        await pull()
        listensTo('a', 'b', 'c')
        await pull()
        assert.equal(trial.calls.length, 3, 'it listens to a channel twice')
      },
    ),
    clause(
      'order',
      'yields the messages themselves in the order of arrival over all channels, also in one tick',
      { capacities: [9] },
      async ({ trial, pull, leave, come }) => {
        await pull()
        const read = [...(await come('b')), ...(await come('a', 'b', 'a', 'c', 'b', 'b', 'c'))]
        await pull(7)
        for (const channel of ['c', 'a', 'b', 'a']) read.push(...(await come(channel)))
        await pull(7)
        read.push(...(await come('a', 'b', 'a')))
        await leave()
        hasRead(trial, read)
      },
    ),
    clause(
      'gap',
      'yields the message that says that some may have been missed, and goes on',
      {},
      async ({ trial, pull, leave, come, listensTo }) => {
        await pull(2)
        const value = messageOf('b', null)
        trial.answer({ call: listenCall('b'), outcome: { value } })
        await quiet()
        listensTo('a', 'b', 'c')
        const read = [value, ...(await come('b'))]
        await leave()
        hasRead(trial, read)
      },
    ),
    clause(
      'capacity',
      'keeps `capacity` messages that nobody waits for',
      { capacities: [1, 2, 7] },
      async ({ trial, pull, leave, come, listensTo }, capacity) => {
        await pull()
        const read = [...(await come('c'))]
        for (let round = 0; round < 3; round++) {
          if (round === 1) read.push(...(await come(...inTurns(capacity))))
          else for (const channel of inTurns(capacity)) read.push(...(await come(channel)))
          listensTo('a', 'b', 'c')
          await pull(capacity)
        }
        await leave()
        hasRead(trial, read)
      },
    ),
    clause(
      'overflow',
      'fails with an OverflowError at one more than `capacity`, and releases every channel before anybody asks',
      { capacities: [1, 2, 7] },
      async ({ trial, pull, come, listensTo }, capacity) => {
        await pull()
        await come('c')
        for (const channel of inTurns(capacity)) await come(channel)
        listensTo('a', 'b', 'c')
        await come('b')
        listensTo()
        assert.equal(trial.outcome, undefined, 'nobody has asked')
        await pull()
        assertOutcome(trial, { errorLike: new OverflowError(capacity) })
        settledOnce(trial)
      },
    ),
    clause(
      'overflow in one tick',
      'fails with one OverflowError when more than fits comes in one tick',
      { capacities: [1, 2, 7] },
      async ({ trial, pull, come, listensTo }, capacity) => {
        await pull()
        await come('c')
        await come(...inTurns(capacity + 3))
        listensTo()
        await pull()
        assertOutcome(trial, { errorLike: new OverflowError(capacity) })
        settledOnce(trial)
      },
    ),
    clause(
      'burst',
      'loses nothing of `capacity` messages that come in one tick, whoever waits',
      { capacities: [1, 2, 7] },
      async ({ trial, pull, leave, come }, capacity) => {
        const read: Message[] = []
        for (let round = 0; round < 3; round++) {
          await pull()
          read.push(...(await come(...inTurns(capacity))))
          await pull(capacity - 1)
        }
        await leave()
        hasRead(trial, read)
      },
    ),
    clause(
      'slow consumer',
      'a slow consumer that keeps within `capacity` loses nothing of 1,000 messages',
      { capacities: [10] },
      async ({ trial, pull, leave, come }) => {
        await pull()
        const read = [...(await come('a'))]
        // From almost empty to full, and back.
        for (let round = 0; read.length <= 1_000; round++) {
          const count = 1 + (round % 10)
          read.push(...(await come(...inTurns(count))))
          await pull(count)
        }
        await leave()
        hasRead(trial, read)
      },
    ),
    {
      id: 'keeps up',
      title: 'a reader that always asks keeps up with `capacity` messages in each turn of the loop',
      check: (style) =>
        withTrials(async (start) => {
          // Few in many turns, and more in one turn than some runtimes do before they yield.
          for (const [capacity, turns] of [
            [3, 100],
            [3_000, 5],
          ] as const) {
            const run = collect(style.subscribe.bind(style), capacity * turns)
            const trial = start(run, { channels: ['a', 'b'], capacity })
            await quiet()
            const sent: Message[] = []
            for (let turn = 0; turn < turns; turn++) {
              for (let n = 0; n < capacity; n++) {
                const channel = n % 3 === 1 ? 'b' : 'a'
                const value = messageOf(channel)
                sent.push(value)
                trial.answer({ call: listenCall(channel), outcome: { value } })
              }
              await nextTurn()
            }
            await quiet()
            hasRead(trial, sent)
            endsClean(trial)
          }
        }),
    },
    clause(
      'failure',
      'the failure of one channel releases the others before anybody asks, and comes before what is unread',
      {},
      async ({ trial, pull, come, fail, listensTo }) => {
        await pull()
        await come('a', 'b')
        const failed = await fail('b')
        listensTo()
        assert.equal(trial.outcome, undefined, 'nobody has asked')
        await pull()
        assertOutcome(trial, failed)
        settledOnce(trial)
      },
    ),
    clause(
      'just in time',
      'a message that comes before the failure goes to whoever waits for it, also in one tick',
      {},
      async ({ trial, pull, fail, listensTo }) => {
        await pull()
        trial.answer({ call: listenCall('a'), outcome: { value: messageOf('a') } })
        const failed = await fail('b')
        listensTo()
        assert.equal(trial.outcome, undefined, 'whoever waited was told of the failure')
        await pull()
        assertOutcome(trial, failed)
      },
    ),
    clause(
      'leaving',
      'leaving releases every channel, also while a pull waits, and nothing is delivered afterwards',
      {},
      async ({ trial, pull, leave, come, listensTo }) => {
        await pull(2)
        const read = await come('a')
        const left = leave()
        // In the same tick.
        await come('b')
        await left
        listensTo()
        hasRead(trial, read)
        endsClean(trial)
      },
    ),
    {
      id: 'leaving at rest',
      title: 'leaving and an abort release every channel at once, while nobody waits',
      check: (style) =>
        withTrials(async (start) => {
          // Two, and as many as take some runtimes more than a turn of the loop to release one by one.
          const many = Array.from({ length: 2_000 }, (_, n) => `channel-${n}`)
          for (const [end, others] of [
            ['leave', []],
            ['abort', []],
            ['leave', many],
            ['abort', many],
          ] as const) {
            const channels = ['a', 'b', ...others]
            const trial = start(resting(style), { channels, capacity: 2 })
            await quiet()
            for (const channel of ['a', 'b', 'a']) {
              trial.answer({ call: listenCall(channel), outcome: { value: messageOf(channel) } })
              await quiet()
            }
            runsExactly(trial, channels.map(listenCall))
            if (end === 'leave') trial.happen({ act: 'leave' })
            else trial.abort(new Error('the reader has left'))
            await nextTurn()
            runsExactly(trial, [])
            assert.deepEqual(trial.leftovers(), [])
          }
        }),
    },
    {
      id: 'cannot listen',
      title: 'a channel that throws when it is listened to fails it, and those already opened are released',
      check: (style) =>
        withTrials(async (start) => {
          for (const when of ['asked', 'started'] as const) {
            const thrown = new Error(`thrown when ${when}`)
            const trial = start(throwing(style, thrown, when), { channels: ['a', 'b', 'c'], capacity: 2 })
            await quiet()
            trial.happen({ act: 'pull' })
            await quiet()
            assertOutcome(trial, { error: thrown })
            endsClean(trial)
          }
        }),
    },
    {
      id: 'two readers',
      title: 'two readers of one subscription share nothing',
      check: (style) =>
        withTrials(async (start) => {
          const read: [Message[], Message[]] = [[], []]
          const trial = start(twoReaders(style, read), { channels: ['a'], capacity: 1 })
          const sent: Message[] = []
          const come = async () => {
            const value = messageOf('a')
            sent.push(value)
            for (const call of trial.calls) call.answer({ value })
            await quiet()
          }
          const act = async (...names: readonly string[]) => {
            for (const name of names) {
              trial.happen({ act: name })
              await quiet()
            }
          }
          await act('pull 0', 'pull 1')
          runsExactly(trial, ['a', 'a'].map(listenCall))
          await come()
          await come()
          await act('pull 0', 'leave 0', 'pull 1', 'pull 1')
          runsExactly(trial, [listenCall('a')])
          await come()
          assert.deepEqual(read, [sent.slice(0, 2), sent])
          await act('leave 1')
          runsExactly(trial, [])
        }),
    },
    refusesInputs(subject, [
      { input: { channels: [], capacity: 1 }, message: 'channels: expected at least one, got none' },
      {
        input: { channels: ['a', 'b', 'a'], capacity: 1 },
        message: 'channels: expected no two the same, got a, b, a',
      },
      ...['', 'a b', 'a"', 'a'.repeat(64)].map((channel) => ({
        input: { channels: ['a', channel], capacity: 1 },
        message: `channels: expected 1 to 63 letters, digits, _, -, . or :, got ${JSON.stringify(channel)}`,
      })),
      ...[0, -1, 1.5, NaN, Infinity].map((capacity) => ({
        input: { channels: ['a'], capacity },
        message: `capacity: expected an integer of at least 1, got ${capacity}`,
      })),
    ]),
  ],
  realClauses: [
    real(
      'yields what is sent over two channels, in the order of sending',
      {},
      async ({ seen, channels, read }) => {
        const sent = ['1', '2', '', '4'].map((text, n) => ({ channel: channels[n % 3 ? 0 : 1], text }))
        for (const { channel, text } of sent) await seen.port.notify(channel, text)
        await seen.until('all of it has come', () => read.length === sent.length)
        assert.deepEqual(
          read.map(({ channel, text }) => ({ channel, text })),
          sent,
        )
      },
    ),
    real(
      'keeps 100 messages for a reader that rests, in the order of arrival',
      { capacity: 100, pulls: 1 },
      async ({ seen, channels, read, pull }) => {
        await seen.port.notify(channels[0], 'the first is read')
        await seen.until('it has come', () => read.length === 1)
        const arrived: Message[] = []
        const arrive = (message: Message) => arrived.push(message)
        for (const channel of channels) seen.port.listen(channel)(arrive, () => {})
        const sending = Array.from({ length: 100 }, (_, n) =>
          seen.port.notify(channels[n % 2 === 0 ? 0 : 1], String(n)),
        )
        await Promise.all(sending)
        await seen.until('all of them have arrived', () => arrived.length === 100)
        pull(100)
        await seen.until('all of them have been read', () => read.length === 101)
        assert.deepEqual(read.slice(1), arrived)
      },
    ),
    real(
      'leaving while a pull waits ends it, and no channel is listened to any more',
      {},
      async ({ seen, ended, leave }) => {
        leave()
        await seen.until('the reader is told of the end', () => ended() !== undefined)
        assert.deepEqual(ended(), {})
        await seen.hasNoChannel()
      },
    ),
    real(
      'an abort fails with the reason itself, and no channel is listened to any more',
      {},
      async ({ seen, ended, abort }) => {
        const reason = new Error('the reader has left')
        abort(reason)
        await seen.until('it has failed', () => ended() !== undefined)
        assert.equal(ended()?.error, reason)
        await seen.hasNoChannel()
      },
    ),
    real(
      'fails with an OverflowError when more comes than it has room for, and listens to no channel before anybody asks',
      { capacity: 2, pulls: 1 },
      async ({ seen, channels, ended, pull }) => {
        for (const text of ['1', '2', '3', '4']) await seen.port.notify(channels[0], text)
        await seen.until('no channel is listened to', () => seen.port.stats().channels === 0)
        pull(1)
        await seen.until('it has failed', () => ended() !== undefined)
        assert.deepEqual(ended()?.error, new OverflowError(2))
      },
    ),
    real(
      'yields a message without text for each channel when their connection was lost, and goes on',
      {},
      async ({ seen, channels, read }) => {
        await seen.port.notify(channels[0], 'before')
        await seen.until('the first has come', () => read.length === 1)
        await seen.cutListeners()
        await seen.until('both channels have told of the gap', () => read.length === 3)
        for (const channel of channels) await seen.port.notify(channel, 'after')
        await seen.until('the others have come', () => read.length === 5)
        assert.deepEqual(
          read.map(({ text }) => text),
          ['before', null, null, 'after', 'after'],
        )
        assert.deepEqual(
          read
            .slice(1, 3)
            .map(({ channel }) => channel)
            .toSorted(),
          channels,
        )
      },
    ),
    real('fails with the DatabaseError of a port that is closed', {}, async ({ seen, ended }) => {
      await seen.port.close()
      await seen.until('it has failed', () => ended() !== undefined)
      const failed = ended()
      assert(failed?.error instanceof DatabaseError, `it ended with ${String(failed?.error)}`)
    }),
  ],
}
