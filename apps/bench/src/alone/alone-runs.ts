/** One run of each scenario on a port that answers when it is told to: nothing in it waits for the clock. */
import type { Call, Port, ScenarioName, Style } from '@overlap/workload'
import { type CountedConnection, type ToldPort, connect } from './told-port.ts'

/** So long that no timer comes to its end. */
const LONG_MS = 1_000_000

/** What a run goes on. */
export type Ground = Pick<ToldPort, 'port' | 'source'>

export interface AloneRun {
  /** What one run is, in words. */
  readonly is: string
  /** Makes what its runs have in common, and hands back how to start one. */
  readonly open: (style: Style, ground: Ground) => (signal: AbortSignal) => Promise<unknown>
  /** The same calls in the same order of cause: those of one stage are made at the same time, and then those of the next. */
  readonly stages: (port: Port) => readonly (readonly Call<void, unknown>[])[]
}

const sku = 'A-42'
const four = ['A-1', 'A-2', 'A-3', 'A-4']
const ten = Array.from({ length: 10 }, (_, n) => `A-${n}`)
const pages = ['P-1', 'P-2', 'P-3', 'P-4']
const replicas = [0, 1, 2]
const channels = ['news', 'sport']

/** A call with its input. */
const bind =
  <I, A, E extends Error>(call: Call<I, A, E>, input: I): Call<void, unknown> =>
  (_, done) =>
    call(input, done)

const combined = (port: Port) => [bind(port.findStock, sku), bind(port.fetchReservation, sku)]
const twice = <A>(one: A): A[] => [one, one]

export const aloneRuns: Readonly<Record<ScenarioName, AloneRun>> = {
  sequence: {
    is: 'one sku that is in stock',
    open:
      (style, { port }) =>
      (signal) =>
        style.sequence(port, sku, signal),
    stages: (port) => combined(port).map((call) => [call]),
  },
  combine: {
    is: 'one sku',
    open:
      (style, { port }) =>
      (signal) =>
        style.combine(port, sku, signal),
    stages: (port) => [combined(port)],
  },
  timeout: {
    is: 'one sku, in time',
    open:
      (style, { port }) =>
      (signal) =>
        style.timeout(port, { sku, ms: LONG_MS }, signal),
    stages: (port) => [combined(port)],
  },
  retry: {
    is: 'one sku, whose first attempt succeeds',
    open:
      (style, { port }) =>
      (signal) =>
        style.retry(port, { sku, attempts: 3, baseMs: LONG_MS, capMs: LONG_MS }, signal),
    stages: (port) => [[bind(port.fetchReservation, sku)]],
  },
  race: {
    is: 'three replicas, of which the first answers first',
    open:
      (style, { port }) =>
      (signal) =>
        style.race(port, { sku, replicas }, signal),
    stages: (port) => [replicas.map((replica) => bind(port.fetchReservationFrom, { replica, sku }))],
  },
  hedge: {
    is: 'three replicas, of which the first answers before the second is asked',
    open:
      (style, { port }) =>
      (signal) =>
        style.hedge(port, { sku, replicas, delayMs: LONG_MS }, signal),
    stages: (port) => [[bind(port.fetchReservationFrom, { replica: 0, sku })]],
  },
  transaction: {
    is: 'one order, which is committed',
    open:
      (style, { port }) =>
      (signal) =>
        style.transaction(port, { sku, units: 1 }, signal),
    // `confirmOrder` stands for the calls of the session, of which there is none without one.
    stages: (port) => [
      [bind(port.openSession, undefined)],
      ...Array.from({ length: 3 }, () => [bind(port.confirmOrder, { order: 'order-1', sku, units: 1 })]),
    ],
  },
  limit: {
    is: '4 skus, 2 at a time',
    open:
      (style, { port }) =>
      (signal) =>
        style.limit(port, { skus: four, limit: 2 }, signal),
    stages: (port) => twice(twice(combined(port)).flat()),
  },
  stream: {
    is: '4 skus, 2 ahead, all of them read',
    open:
      (style, { port }) =>
      (signal) =>
        take(style.stream(port, { skus: four, limit: 2 }, signal), 4),
    stages: (port) => twice(twice(combined(port)).flat()),
  },
  latest: {
    is: '4 skus, each of which overtakes the one before',
    open:
      (style, { port, source }) =>
      (signal) =>
        take(style.latest(port, source(four), signal), Infinity),
    stages: (port) => four.map(() => combined(port)),
  },
  batch: {
    is: '10 skus by 10 callers, which fill one query',
    open(style, { port }) {
      const loader = style.batch(port, { windowMs: LONG_MS, max: ten.length })
      return (signal) => Promise.all(ten.map((one) => loader.load(one, signal)))
    },
    stages: (port) => [[bind(port.findStocks, ten)]],
  },
  thumbnails: {
    is: '4 pages, 2 at a time, one thumbnail of each',
    open:
      (style, { port }) =>
      (signal) =>
        style.thumbnails(port, { pages, widths: [64], limit: 2 }, signal),
    stages: (port) => {
      const page = bind(port.fetchPage, 'P-1')
      const picture = bind(port.fetchPicture, '/pictures/P-1')
      const thumbnail = bind(port.resize, { picture: { address: '', bytes: new Uint8Array() }, width: 64 })
      return twice([page, picture, thumbnail].map(twice)).flat()
    },
  },
  subscribe: {
    is: '2 channels, left after 4 messages',
    open:
      (style, { port }) =>
      (signal) =>
        take(style.subscribe(port, { channels, capacity: 10 }, signal), 4),
    stages: (port) => [
      channels.map((channel) => (_, done) => {
        let heard = 0
        const cancel = port.listen(channel)(() => {
          if (++heard < 2) return
          cancel()
          done(null)
        }, done)
        return cancel
      }),
    ],
  },
  regulate: {
    is: '4 requests by one key, 2 at a time, each with a call of its own',
    open(style, { port }) {
      const regulator = style.regulate({ limit: 2, queue: 4, agingMs: 10 })
      const work = bind(port.fetchReservation, sku)
      let keys = 0
      return (signal) => {
        const request = { key: `key ${++keys}`, urgency: 3 }
        return Promise.all(four.map(() => regulator.through(request, work, signal)))
      }
    },
    stages: (port) => twice(twice(bind(port.fetchReservation, sku))),
  },
  shutdown: {
    is: 'a service that is asked for one sku, and closed before it has answered',
    open:
      (style, { port }) =>
      (signal) => {
        const service = style.shutdown(port, { graceMs: LONG_MS })
        return Promise.all([service.answer(sku, signal), service.close()])
      },
    stages: (port) => [combined(port)],
  },
  echo: {
    is: '2 chunks, and the end',
    open:
      (style, { port }) =>
      (signal) =>
        style.echo(port, connect(), signal),
    stages(port) {
      // As many reads as there are chunks, and that of the end, whatever they answer.
      const connection: CountedConnection = connect()
      const read = bind(port.readChunk, connection)
      const write = bind(port.writeChunk, { connection, chunk: new Uint8Array() })
      return [read, write, read, write, read, bind(port.endOutput, connection)].map((call) => [call])
    },
  },
}

async function take(answers: AsyncIterable<unknown>, count: number): Promise<void> {
  let taken = 0
  for await (const _ of answers) if (++taken === count) return
}
