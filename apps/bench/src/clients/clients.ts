/** The part `clients`: what many clients cost that are there at the same time, waiting for an answer or following the feed. */
import { forkReservationService, startPostgres } from '@overlap/backend'
import { styleNames } from '@overlap/workload'
import { shuffle } from 'simple-statistics'
import { type Comparison, compare, isDifferent } from '../compare.ts'
import { type Gate, type Part, type Plot, failuresOf, passing } from '../part.ts'
import { type Following, measureFollowing } from './following-clients.ts'
import { ANSWER_MS, NOTHING, type Waiting, countClients, measureWaiting } from './waiting-clients.ts'

export interface ClientsFigures {
  /** `wanted`: how many clients there would be if the process could have as many open files. */
  readonly waiting: {
    readonly wanted: number
    readonly clients: number
    readonly subjects: readonly Waiting[]
  }
  readonly following: { readonly clients: number; readonly subjects: readonly Following[] }
}

const WAITING = 10_000
const FOLLOWING = 5_000
const BASE = 'callbacks'
const CONTROL = 'callbacks, again'
const PLAIN = 'what most people write'

/** Bytes of the server's process for each client. */
interface Price {
  readonly subject: string
  readonly heap: number
  readonly external: number
  readonly rss: number
}

export const clients: Part<ClientsFigures> = {
  name: 'clients',
  title: 'Many clients',

  async measure({ gate, tell }) {
    const postgres = await startPostgres()
    const count = countClients(WAITING)
    const waiting: Waiting[] = []
    const following: Following[] = []
    try {
      const subjects = [...passing(gate, 'combine'), CONTROL, NOTHING, PLAIN]
      for (const subject of shuffle(subjects)) {
        tell(`${count} wait, ${subject}`)
        const runs = subject === CONTROL ? BASE : subject
        waiting.push(await measureWaiting(subject, runs, postgres.url, count))
      }
      const service = await forkReservationService()
      try {
        for (const subject of shuffle([...passing(gate, 'subscribe'), CONTROL])) {
          tell(`${FOLLOWING} follow, ${subject}`)
          const env = {
            DATABASE_URL: postgres.url,
            UPSTREAM_URL: service.url,
            STYLE: subject === CONTROL ? BASE : subject,
          }
          following.push(await measureFollowing(subject, env, FOLLOWING))
        }
      } finally {
        await service.stop()
      }
    } finally {
      await postgres.stop()
    }
    return {
      waiting: { wanted: WAITING, clients: count, subjects: inOrder(waiting) },
      following: { clients: FOLLOWING, subjects: inOrder(following) },
    }
  },

  render({ waiting, following }, gate) {
    const limited =
      waiting.clients < waiting.wanted
        ? ` (${waiting.wanted} were wanted, but a process may not have as many files open here, and each client needs two)`
        : ''
    const prices = pricesOfWaiting(waiting)
    const rows = waiting.subjects.map((one, index) => {
      const { before, after, askedMs, answeredMs } = one
      const back = (what: 'heap' | 'rss') => kilobytes((after[what] - before[what]) / waiting.clients)
      const seconds = (ms: number) => (ms / 1000).toFixed(2)
      return [
        ...tellPrice(prices, index),
        `${back('heap')}, ${back('rss')}`,
        ...(answeredMs
          ? [
              seconds(askedMs),
              `${seconds(answeredMs.p50)} / ${seconds(answeredMs.p99)} / ${seconds(answeredMs.last)}`,
            ]
          : ['', '']),
      ]
    })
    const followed = pricesOfFollowing(following)
    return `### Waiting for an answer

${waiting.clients} clients at once${limited}, each of whom waits for one \`combine\` of a bare \`node:http\` server: the database has answered, the service has not.
KB of the server's process for each, connection, request and the socket to the service included, when all wait; what is still there of it (heap, process) when they have left;
how long it takes from the first question until the service has all of theirs; and, from the first question to the answers (p50 / p99 / last), when the service takes ${ANSWER_MS / 1000} s for
each. All were answered with 200. The row "${NOTHING}" has a timer instead of the calls, so it is what the client costs and no style can change. The two rows of ${BASE} tell how far apart two
weighings of one program are. The times were measured once, and tell no style from another.

| | heap | external | process | heap × ${BASE} | still there | all have asked, s | answers of ${ANSWER_MS / 1000} s, s |
| --- | --- | --- | --- | --- | --- | --- | --- |
${[...rows.map((cells) => `| ${cells.join(' | ')} |`), ...refused(gate, 'combine', 7)].join('\n')}

### Following the feed

${following.clients} clients of the demo server that follow its feed, as server-sent events, and hear nothing. KB of the server's process for each, and how long one message takes
to reach all of them.

| | heap | external | process | heap × ${BASE} | a message to all, s |
| --- | --- | --- | --- | --- | --- |
${[
  ...following.subjects.map(
    ({ messageMs }, index) =>
      `| ${[...tellPrice(followed, index), (messageMs / 1000).toFixed(2)].join(' | ')} |`,
  ),
  ...refused(gate, 'subscribe', 5),
].join('\n')}`
  },

  plots: ({ waiting, following }) => ({
    'clients-waiting': plot(pricesOfWaiting(waiting)),
    'clients-following': plot(pricesOfFollowing(following)),
  }),
}

function refused(gate: Gate, scenario: 'combine' | 'subscribe', columns: number): string[] {
  return styleNames.flatMap((style) => {
    const failed = failuresOf(gate, style, scenario)
    return failed.length === 0
      ? []
      : [`| ${style} | not measured: clause ${failed.join(', ')} ${'|'.repeat(columns)}`]
  })
}

/** They were measured in a random order. */
function inOrder<A extends { readonly subject: string }>(measured: readonly A[]): A[] {
  const order: readonly string[] = [...styleNames, CONTROL, NOTHING, PLAIN]
  return measured.toSorted((a, b) => order.indexOf(a.subject) - order.indexOf(b.subject))
}

function pricesOfWaiting({ clients: count, subjects }: ClientsFigures['waiting']): Price[] {
  return subjects.map(({ subject, before, during }) => ({
    subject,
    heap: (during.heap - before.heap) / count,
    external: (during.external - before.external) / count,
    rss: (during.rss - before.rss) / count,
  }))
}

function pricesOfFollowing({ clients: count, subjects }: ClientsFigures['following']): Price[] {
  return subjects.map(({ subject, before, during }) => ({
    subject,
    heap: (during.nodejs_heap_size_used_bytes - before.nodejs_heap_size_used_bytes) / count,
    external: (during.nodejs_external_memory_bytes - before.nodejs_external_memory_bytes) / count,
    rss: (during.process_resident_memory_bytes - before.process_resident_memory_bytes) / count,
  }))
}

/** The first cells of a row: the price, and what it is beside that of the base. */
function tellPrice(prices: readonly Price[], index: number): string[] {
  const price = prices[index]
  if (!price) throw new RangeError(`there is no price ${index}`)
  const { subject, heap, external, rss } = price
  return [subject, kilobytes(heap), kilobytes(external), kilobytes(rss), tellRatio(prices, price)]
}

function tellRatio(prices: readonly Price[], { subject, heap }: Price): string {
  const base = prices.find((price) => price.subject === BASE)
  const control = prices.find((price) => price.subject === CONTROL)
  if (!base || !control || subject === BASE) return ''
  const besideBase = (bytes: number): Comparison => compare([bytes], [base.heap])
  const ratio = besideBase(heap)
  return subject === CONTROL || isDifferent(ratio, besideBase(control.heap))
    ? ratio.ratio.toFixed(2)
    : 'no difference seen'
}

/** Of 1,000 bytes. */
function kilobytes(bytes: number): string {
  return (bytes / 1000).toFixed(1)
}

function plot(prices: readonly Price[]): Plot {
  return {
    width: 600,
    height: { step: 26 },
    data: {
      values: prices.flatMap(({ subject, heap, rss }) => [
        { subject, of: 'heap', kB: heap / 1000 },
        { subject, of: 'process', kB: rss / 1000 },
      ]),
    },
    mark: { type: 'point', filled: true, size: 80 },
    encoding: {
      y: { field: 'subject', type: 'nominal', sort: prices.map(({ subject }) => subject), title: null },
      x: { field: 'kB', type: 'quantitative', title: 'KB for each client' },
      color: { field: 'of', type: 'nominal', title: null },
    },
  }
}
