/**
 * Fails every scenario of every style in two ways, and tells what the error's `stack` names, over IPC.
 *
 * Every call of the port answers in a later turn: with an error that is made there, or with a nonsense at which whoever looks
 * into it throws. A process of its own, because what is thrown into a port may end it.
 */
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { callbacks } from '@overlap/callbacks'
import { effect } from '@overlap/effect'
import { generators } from '@overlap/generators'
import { observables } from '@overlap/observables'
import { promises } from '@overlap/promises'
import { type Call, type Port, type ScenarioName, type Style, scenarios } from '@overlap/workload'
import type { Failure, StackTold } from './stacks.ts'

/** A run that has not ended by then never does: none of them waits for anything else. */
const PATIENCE_MS = 200
/** Longer than that: what is to take its time never does. */
const LONG_MS = 60_000

/** Throws at whoever looks into it: promises do, to see whether it is one of them. */
const nonsense = new Proxy(
  {},
  {
    get(_target, key) {
      if (key === 'then') return undefined
      throw new TypeError(`${String(key)} was read of nonsense`)
    },
  },
)

const root = new URL('../../../../', import.meta.url)

/** What was thrown by `done`, and where nobody catches it. */
let thrown: unknown
process.on('uncaughtException', (error) => (thrown ??= error))
process.on('unhandledRejection', (error) => (thrown ??= error))

const told: StackTold[] = []
for (const style of [callbacks, promises, generators, observables, effect])
  for (const { name } of scenarios)
    for (const failure of ['port', 'nonsense'] as const) told.push(await look(style, name, failure))
process.send?.(told, () => process.exit())

async function look(style: Style, scenario: ScenarioName, failure: Failure): Promise<StackTold> {
  thrown = undefined
  const caller = new AbortController()
  const running = start(style, scenario, failingPort(failure), caller.signal)
  const ended = await Promise.race([
    running.then(
      () => ({ how: 'succeeded' }) as const,
      (error: unknown) => ({ how: 'failed', error }) as const,
    ),
    sleep(PATIENCE_MS, { how: 'never ended' } as const),
  ])
  await nextTurn()
  caller.abort()
  running.catch(() => {})
  const { how } = ended
  const error = how === 'failed' ? ended.error : thrown
  const stack = error instanceof Error ? (error.stack ?? '') : ''
  const lines = [...stack.matchAll(new RegExp(`packages/${style.name}/src/([a-z-]+\\.ts:\\d+)`, 'g'))].map(
    ([, line = '']) => line,
  )
  const own = lines.find((line) => line.startsWith(`${scenario}.ts`))
  const line = own ?? lines[0]
  return {
    style: style.name,
    scenario,
    failure,
    how: how === 'never ended' && error !== undefined ? 'thrown into the port' : how,
    names: own ? 'scenario' : line ? 'package' : 'nothing',
    ...(line && { line }),
    // Where it was measured is nobody's business.
    stack: stack.replaceAll(root.href, '').replaceAll(root.pathname, ''),
  }
}

function failingPort(failure: Failure): Port {
  function call<I, A, E>(): Call<I, A, E> {
    return (_input, done) => {
      const immediate = setImmediate(() => {
        // A cast: it is what the types say can not be.
        if (failure === 'nonsense') done(null, nonsense as A)
        else done(new Error('made by the port') as E)
      })
      return () => clearImmediate(immediate)
    }
  }
  return {
    findStock: call(),
    findStocks: call(),
    fetchReservation: call(),
    fetchReservationFrom: call(),
    openSession: call(),
    confirmOrder: call(),
    fetchPage: call(),
    fetchPicture: call(),
    resize: call(),
    listen: () => (next, done) =>
      call()(undefined, (error, value) => (error ? done(error as never) : next(value as never))),
    readChunk: call(),
    writeChunk: call(),
    endOutput: call(),
  }
}

function start(style: Style, scenario: ScenarioName, port: Port, signal: AbortSignal): Promise<unknown> {
  const sku = 'A-42'
  const skus = [sku, 'A-1']
  switch (scenario) {
    case 'timeout':
      return style.timeout(port, { sku, ms: LONG_MS }, signal)
    case 'retry':
      return style.retry(port, { sku, attempts: 2, baseMs: 1, capMs: 1 }, signal)
    case 'race':
      return style.race(port, { sku, replicas: [0, 1] }, signal)
    case 'hedge':
      return style.hedge(port, { sku, replicas: [0, 1], delayMs: LONG_MS }, signal)
    case 'transaction':
      return style.transaction(port, { sku, units: 1 }, signal)
    case 'limit':
      return style.limit(port, { skus, limit: 2 }, signal)
    case 'stream':
      return first(style.stream(port, { skus, limit: 2 }, signal))
    case 'latest':
      return first(
        style.latest(
          port,
          (next) => {
            const immediate = setImmediate(next, sku)
            return () => clearImmediate(immediate)
          },
          signal,
        ),
      )
    case 'batch':
      return style.batch(port, { windowMs: 1, max: 2 }).load(sku, signal)
    case 'thumbnails':
      return style.thumbnails(port, { pages: ['P-1'], widths: [8], limit: 1 }, signal)
    case 'subscribe':
      return first(style.subscribe(port, { channels: ['news'], capacity: 2 }, signal))
    case 'regulate':
      return style
        .regulate({ limit: 1, queue: 1, agingMs: 0 })
        .through({ key: 'a', urgency: 0 }, (_, done) => port.fetchReservation(sku, done), signal)
    case 'shutdown':
      return style.shutdown(port, { graceMs: 1 }).answer(sku, signal)
    case 'echo':
      // A cast: this port never looks at it.
      return style.echo(port, {} as never, signal)
    default:
      return style[scenario](port, sku, signal)
  }
}

async function first(answers: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of answers) return
}
