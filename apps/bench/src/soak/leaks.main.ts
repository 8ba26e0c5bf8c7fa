/**
 * Runs styles so often that whatever it leaves behind shows, in a process of its own: started by `findLeaks`, with a
 * `LeaksInput` as its argument. It tells what it holds whenever it rests, and what is left when all has been
 * closed, over IPC; then it must end by itself.
 *
 * It lives twice. The first life loads every module and warms everything up; what is there after it is the
 * baseline, to which all must come back after the second.
 */
import { getEventListeners, once } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { getHeapSpaceStatistics } from 'node:v8'
import { type RealPort, openPort } from '@overlap/backend'
import { callbacks } from '@overlap/callbacks'
import { effect } from '@overlap/effect'
import { generators } from '@overlap/generators'
import { observables } from '@overlap/observables'
import { promises } from '@overlap/promises'
import { type Held, type LeaksInput, type LeaksMessage } from './leaks.ts'
import { Mix } from './mixed-runs.ts'

const CONCURRENCY = 32
const POOL_MAX = 10

const input = JSON.parse(process.argv[2] ?? '') as LeaksInput
const styles = [callbacks, promises, generators, observables, effect].filter(({ name }) =>
  input.styles.includes(name),
)
const { warmUp, runs, samples } = input
// When whoever has started it is gone, nobody is there to stop it.
const leave = () => process.exit(1)
process.on('disconnect', leave)

await live((mixes) => runAll(mixes, 0, warmUp))
const before = await look()
const outcomes = await live(async (mixes, port) => {
  const each = Math.ceil(runs / samples)
  await runAll(mixes, 0, warmUp)
  for (let n = 0; n <= samples; n++) {
    if (n > 0) await runAll(mixes, n * each, each)
    await rest(port)
    tell({
      rested: {
        runs: n * each * mixes.length,
        heapBytes: await weighHeap(),
        keys: sum(mixes.map(({ keys }) => keys)),
        listeners: sum(mixes.map(({ patient }) => getEventListeners(patient, 'abort').length)),
      },
    })
    await once(process, 'message')
  }
  return mixes.map((mix) => mix.outcomes)
})
tell({ done: { before, after: await look(), outcomes } })
process.off('disconnect', leave)
process.disconnect()

/** One style after the other. */
async function runAll(mixes: readonly Mix[], first: number, count: number): Promise<void> {
  for (const mix of mixes) await mix.run(first, count, CONCURRENCY)
}

async function live<A>(body: (mixes: readonly Mix[], port: RealPort) => Promise<A>): Promise<A> {
  const { databaseUrl, upstreamUrls, applicationName } = input
  const port = openPort({ databaseUrl, upstreamUrls, poolMax: POOL_MAX, applicationName })
  try {
    return await body(
      styles.map((style) => new Mix(style, port)),
      port,
    )
  } finally {
    await port.close()
  }
}

/** What was cancelled is stopped behind the scenes. */
async function rest(port: RealPort): Promise<void> {
  const isBusy = () => {
    const { database, http, channels, orders, workers } = port.stats()
    return (
      database.lent +
        database.waiting +
        database.connecting +
        http.requests +
        channels +
        orders.unsettled +
        workers.running +
        workers.waiting >
      0
    )
  }
  for (let ms = 0; isBusy(); ms += 5) {
    if (ms > 10_000) throw new Error(`it does not come to rest: ${JSON.stringify(port.stats())}`)
    await sleep(5)
  }
}

/**
 * Without what the compiler has put there, which goes on growing for some ten thousand runs. Collected twice, because what is
 * found first may hold more.
 */
async function weighHeap(): Promise<number> {
  for (let n = 0; n < 2; n++) {
    await sleep(1)
    globalThis.gc?.()
  }
  return getHeapSpaceStatistics()
    .filter(({ space_name: name }) => !/code|trusted/.test(name))
    .reduce((bytes, space) => bytes + space.space_used_size, 0)
}

/** Sockets close, and threads end, a little after whoever closes them was told. */
async function look(): Promise<Held> {
  await sleep(200)
  await weighHeap()
  const resources: Record<string, number> = {}
  for (const name of process.getActiveResourcesInfo()) resources[name] = (resources[name] ?? 0) + 1
  return {
    // Where the system does not tell, nobody can count them.
    files: existsSync('/proc/self/fd') ? readdirSync('/proc/self/fd').length : 0,
    resources,
    processListeners: sum(process.eventNames().map((name) => process.listenerCount(name))),
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

function tell(message: LeaksMessage): void {
  process.send?.(message)
}
