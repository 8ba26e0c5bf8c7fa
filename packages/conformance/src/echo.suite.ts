import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { CallEvent, CallName } from '@overlap/backend'
import { connectLoopback } from '@overlap/backend/loopback'
import { TcpConnection } from '@overlap/backend/tcp-connection'
import {
  type Call,
  type Chunk,
  type Connection,
  type ConnectionChunk,
  type Port,
  SocketError,
  type Style,
  toPromise,
} from '@overlap/workload'
import * as fc from 'fast-check'
import type { RealClause, Subject, Suite } from './clause.ts'
import { collectGarbage } from './collect-garbage.ts'
import { type Happening, answersIn, everyAnswer, failure, nameOf } from './reference.ts'
import { type MadeCall, type Outcome, scriptedPort } from './scripted-port.ts'
import { endsClean, runsExactly, standingClauses } from './standing.ts'
import { type Trial, assertOutcome, quiet, withTrials } from './trial.ts'
import { walkClause } from './walk.ts'
import { type World, withPort } from './world.ts'

const reading = (connection: Connection): MadeCall => ({ name: 'readChunk', input: connection })
const writing = (connection: Connection, chunk: Chunk): MadeCall => ({
  name: 'writeChunk',
  input: { connection, chunk },
})
const ending = (connection: Connection): MadeCall => ({ name: 'endOutput', input: connection })

/** Each chunk is another one, and they are of different lengths. */
const chunkOf = (index: number): Chunk => new Uint8Array(1 + (index % 3)).fill(index)

/** A client that sends at most so many chunks, and may end its output before. */
const withClientOf = (chunks: number): Subject<Connection, number> => ({
  scenario: 'echo',
  run: (style) => style.echo.bind(style),
  input: (id) => ({ id }),
  answersTo(call, history = []) {
    if (call.name !== 'readChunk') return everyAnswer(call)
    const index = answersIn(history).filter(({ call: { name } }) => name === 'writeChunk').length
    const end = { value: null }
    return index < chunks ? [{ value: chunkOf(index) }, end, failure(call)] : [end, failure(call)]
  },
  reference(connection, history) {
    const calls = [reading(connection)]
    let bytes = 0
    for (const { call, outcome } of answersIn(history)) {
      if ('error' in outcome) return { calls, outcome }
      if (call.name === 'endOutput') return { calls, outcome: { value: bytes } }
      if (call.name === 'writeChunk') {
        // Casts, because a made call may be any.
        bytes += (call.input as ConnectionChunk).chunk.length
        calls.push(reading(connection))
      } else {
        const chunk = outcome.value as Chunk | null
        calls.push(chunk ? writing(connection, chunk) : ending(connection))
      }
    }
    return { calls }
  },
})

const subject = withClientOf(3)
const connection: Connection = { id: 42 }

/** Answers the one call that runs, which must be this one. */
async function answer(trial: Trial<number>, call: MadeCall, outcome: Outcome<unknown>): Promise<void> {
  runsExactly(trial, [call])
  trial.answer({ call, outcome })
  await quiet()
}

/** The client sends a chunk, and takes it back. */
async function passOne(trial: Trial<number>, chunk: Chunk): Promise<void> {
  await answer(trial, reading(connection), { value: chunk })
  await answer(trial, writing(connection, chunk), { value: undefined })
}

/** Starts an echo to which a chunk has come and been sent back: its second read runs. */
async function underWay(style: Style, body: (trial: Trial<number>) => Promise<void>): Promise<void> {
  await withTrials(async (start) => {
    const trial = start(subject.run(style), connection)
    await quiet()
    await passOne(trial, chunkOf(0))
    await body(trial)
  })
}

/** What can be answered to an echo that is under way, and how one gets there. */
const steps: readonly { readonly before: readonly Happening[]; readonly next: Happening }[] = [
  [
    reading(connection),
    { value: chunkOf(1) },
    writing(connection, chunkOf(1)),
    { value: undefined },
  ] as const,
  [reading(connection), { value: null }, ending(connection), { value: undefined }] as const,
].flatMap(([read, came, call, done]) => [
  { before: [], next: { call: read, outcome: came } },
  { before: [{ call: read, outcome: came }], next: { call, outcome: done } },
])

/** Whatever its bytes are, and wherever in the memory they lie. */
const oddChunks: readonly Chunk[] = [
  Uint8Array.from({ length: 256 }, (_, byte) => byte),
  Uint8Array.of(0),
  Uint8Array.from({ length: 256 }, (_, byte) => byte).subarray(100, 103),
  Buffer.from('ключ').subarray(1, 6),
  Uint8Array.of(0xef, 0xbb, 0xbf),
  new Uint8Array(65_536).fill(0xff),
]

/** The id of the clause that looks at the memory. */
export const MANY_CHUNKS = 'many chunks'
const MANY = 20_000
/** So many of them come before anything is measured. */
const WARM_UP = 2_000
/** What is measured differs by 10 from time to time; a chunk that is kept, or a step that is not left, takes 100. */
const LEFT_BYTES = 32

/** A port to whose calls there is an answer in the same turn of the loop. */
function fastPort(
  chunks: number,
  on: { readonly read: (come: number) => void; readonly thrown: (error: unknown) => void },
): Port {
  let come = 0
  const inTheNextTick =
    <I, A>(toValue: () => A): Call<I, A, never> =>
    (_, done) => {
      let cancelled = false
      process.nextTick(() => {
        if (cancelled) return
        try {
          done(null, toValue())
        } catch (error) {
          on.thrown(error)
        }
      })
      return () => {
        cancelled = true
      }
    }
  return {
    ...scriptedPort().port,
    readChunk: inTheNextTick(() => {
      assert(come <= chunks, 'it reads after the end')
      on.read(come)
      return come++ < chunks ? new Uint8Array(16) : null
    }),
    writeChunk: inTheNextTick(() => {}),
    endOutput: inTheNextTick(() => {}),
  }
}

/** How many bytes are in use, after what is not has been collected. */
function usedBytes(): number {
  collectGarbage()
  return process.memoryUsage().heapUsed
}

/** An echo on real sockets, and what can be seen of it. */
interface RealEcho {
  readonly client: Socket
  /** The echo's end of the connection. */
  readonly socket: Socket
  readonly connection: Connection
  readonly port: Port
  readonly echoing: Promise<number>
  readonly abort: (reason: unknown) => void
  /** How often a call has come to that. */
  readonly count: (call: CallName, event: CallEvent) => number
  readonly until: (claim: string, holds: () => boolean) => Promise<void>
}

async function withEcho(style: Style, world: World, body: (echo: RealEcho) => Promise<void>): Promise<void> {
  await withPort(world, {}, async (seen) => {
    const { port } = seen
    const { client, accepted: socket } = await connectLoopback()
    client.on('error', () => {})
    const events: string[] = []
    const observed = port.forRun({
      dbMs: 0,
      httpMs: 0,
      observe: (call, event) => events.push(`${call} ${event}`),
    })
    const tcp = new TcpConnection(socket)
    const controller = new AbortController()
    const echoing = style.echo(observed, tcp, controller.signal)
    echoing.catch(() => {})
    try {
      await body({
        client,
        socket,
        connection: tcp,
        port,
        echoing,
        abort: (reason) => controller.abort(reason),
        count: (call, event) => events.filter((one) => one === `${call} ${event}`).length,
        until: (claim, holds) => seen.until(claim, holds),
      })
    } finally {
      controller.abort()
      client.destroy()
      socket.destroy()
    }
  })
}

const hashOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

/** Reads what comes back, to its end. */
async function readAll(client: Socket): Promise<{ readonly bytes: number; readonly hash: string }> {
  const hash = createHash('sha256')
  let bytes = 0
  for await (const chunk of client) {
    // A cast, because a stream may be of anything.
    hash.update(chunk as Chunk)
    bytes += (chunk as Chunk).length
  }
  return { bytes, hash: hash.digest('hex') }
}

const MIB = 2 ** 20
/** More than the system keeps for two sockets that nobody reads from. */
const FLOOD_MIB = 64

/** Sends until nothing more is taken for a while, and hands back all that was sent. */
async function flood({ client, socket }: RealEcho): Promise<Uint8Array> {
  const sent: Uint8Array[] = []
  let taken = 0
  while (sent.length < FLOOD_MIB) {
    const chunk = randomBytes(MIB)
    sent.push(chunk)
    client.write(chunk)
    // Turns of the loop, each of which asks the system, and not only time: it may pass while we are busy.
    for (let still = 0; client.writableNeedDrain; still++) {
      if (still === 100) return Buffer.concat(sent)
      await sleep(2)
      if (socket.bytesRead > taken) still = 0
      taken = socket.bytesRead
    }
  }
  throw new Error(`it has taken ${FLOOD_MIB} MiB from a client that reads none`)
}

const realClauses: readonly RealClause[] = [
  {
    title: 'sends 8 MiB back over a real socket, every byte in order, and then ends its output',
    check: (style, world) =>
      withEcho(style, world, async ({ client, echoing, count }) => {
        const bytes = randomBytes(8 * MIB)
        const back = readAll(client)
        client.end(bytes)
        assert.deepEqual(await back, { bytes: bytes.length, hash: hashOf(bytes) })
        assert.equal(await echoing, bytes.length)
        assert.equal(count('endOutput', 'succeeded'), 1)
      }),
  },
  {
    title: 'does not read from a client that does not read, holds little for it, and loses nothing',
    check: (style, world) =>
      withEcho(style, world, async (echo) => {
        const { client, socket, echoing, count } = echo
        const sent = await flood(echo)
        const reads = count('readChunk', 'started')
        assert.equal(reads, count('readChunk', 'succeeded'), 'it reads')
        assert.equal(count('writeChunk', 'started') - count('writeChunk', 'succeeded'), 1)
        // Node reads ahead up to its mark, and at most as much again at once.
        const { readableHighWaterMark: mark } = socket
        assert(socket.writableLength <= 2 * mark, `${socket.writableLength} bytes wait to be sent`)
        assert(socket.readableLength <= 2 * mark, `${socket.readableLength} bytes wait to be read`)
        client.end()
        assert.deepEqual(await readAll(client), { bytes: sent.length, hash: hashOf(sent) })
        assert.equal(await echoing, sent.length)
      }),
  },
  {
    title: 'fails with a SocketError that tells the code when its client resets the connection',
    async check(style, world) {
      await withEcho(style, world, async ({ client, echoing, count, until }) => {
        await until('it reads', () => count('readChunk', 'sent') === 1)
        client.resetAndDestroy()
        await assert.rejects(echoing, (error) => error instanceof SocketError && error.code === 'ECONNRESET')
        assert.equal(count('endOutput', 'started'), 0)
      })
      await withEcho(style, world, async (echo) => {
        await flood(echo)
        echo.client.resetAndDestroy()
        await assert.rejects(
          echo.echoing,
          (error) => error instanceof SocketError && error.code !== undefined,
        )
      })
    },
  },
  {
    title: 'an abort stops its call and nothing else: the connection is there, and no byte is lost',
    check: (style, world) =>
      withEcho(style, world, async ({ client, connection: tcp, port, echoing, abort, count, until }) => {
        const reason = new Error('the server is closing')
        await until('it reads', () => count('readChunk', 'sent') === 1)
        abort(reason)
        await assert.rejects(echoing, (error) => error === reason)
        client.write('hello')
        const { signal } = new AbortController()
        const chunk = await toPromise<Chunk | null>((done) => port.readChunk(tcp, done), signal)
        assert.equal(chunk && Buffer.from(chunk).toString(), 'hello')
        assert.equal(count('readChunk', 'cancelled'), 1)
      }),
  },
]

export const echoSuite: Suite = {
  scenario: 'echo',
  clauses: [
    ...standingClauses(subject),
    {
      id: 'one chunk',
      title: 'reads nothing while a write is under way, and so holds one chunk at most',
      check: (style) =>
        underWay(style, async (trial) => {
          for (const index of [1, 2, 3, 4]) {
            await answer(trial, reading(connection), { value: chunkOf(index) })
            for (let turn = 0; turn < 10; turn++) await quiet()
            await answer(trial, writing(connection, chunkOf(index)), { value: undefined })
          }
        }),
    },
    {
      id: 'every byte',
      title: 'sends back the very bytes that came, in their order, and answers how many',
      check: (style) =>
        withTrials(async (start) => {
          const trial = start(subject.run(style), connection)
          await quiet()
          for (const chunk of oddChunks) await passOne(trial, chunk)
          await answer(trial, reading(connection), { value: null })
          await answer(trial, ending(connection), { value: undefined })
          assertOutcome(trial, { value: oddChunks.reduce((bytes, { length }) => bytes + length, 0) })
        }),
    },
    {
      id: 'end of input',
      title: 'ends its output once, at the end of the input and after the last write, and answers then',
      async check(style) {
        for (const chunks of [0, 1, 3]) {
          await withTrials(async (start) => {
            const trial = start(subject.run(style), connection)
            await quiet()
            for (let index = 0; index < chunks; index++) await passOne(trial, chunkOf(index))
            await answer(trial, reading(connection), { value: null })
            assert(!trial.outcome, 'it has answered before its output has ended')
            await answer(trial, ending(connection), { value: undefined })
            endsClean(trial)
            assert.equal(trial.calls.filter(({ name }) => name === 'endOutput').length, 1)
          })
        }
      },
    },
    {
      id: 'broken connection',
      title: 'calls nothing more once a call has failed: neither reads nor writes, nor ends its output',
      async check(style) {
        for (const { before, next } of steps) {
          await underWay(style, async (trial) => {
            for (const happening of before) {
              trial.happen(happening)
              await quiet()
            }
            assert('call' in next)
            const made = trial.calls.map(nameOf)
            const broken = failure(next.call)
            await answer(trial, next.call, broken)
            assertOutcome(trial, broken)
            assert.deepEqual(trial.calls.map(nameOf), made, 'it has gone on')
            endsClean(trial)
          })
        }
      },
    },
    {
      id: 'same moment',
      title: 'an answer and an abort at the same moment leave no call running',
      async check(style) {
        for (const { before, next } of steps) {
          // In the same tick, or within as many microtasks as a style may need to take the answer.
          for (let microtasks = 0; microtasks < 12; microtasks++) {
            await underWay(style, async (trial) => {
              for (const happening of before) {
                trial.happen(happening)
                await quiet()
              }
              trial.happen(next)
              for (let turn = 0; turn < microtasks; turn++) await Promise.resolve()
              trial.abort(new Error('the reader has left'))
              await quiet()
              runsExactly(trial, [])
              endsClean(trial)
            })
          }
        }
      },
    },
    {
      id: MANY_CHUNKS,
      title: `has nothing left of a chunk that it has sent back: ${MANY} of them grow neither stack nor memory`,
      async check(style) {
        let [before, after] = [0, 0]
        const { promise: thrown, reject } = Promise.withResolvers<never>()
        const port = fastPort(WARM_UP + MANY, {
          read(come) {
            if (come === WARM_UP) before = usedBytes()
            if (come === WARM_UP + MANY) after = usedBytes()
          },
          thrown: reject,
        })
        const echoing = style.echo(port, connection, new AbortController().signal)
        const bytes = await Promise.race([echoing, thrown])
        assert.equal(bytes, 16 * (WARM_UP + MANY))
        const left = (after - before) / MANY
        assert(left < LEFT_BYTES, `${left.toFixed(1)} bytes are left of each chunk`)
      },
    },
    walkClause(withClientOf(10), fc.record({ id: fc.nat() })),
  ],
  realClauses,
}
