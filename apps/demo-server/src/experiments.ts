/** How each of the talks' measurements is made on this server: over its own routes, from another process. */
import http from 'node:http'
import { text } from 'node:stream/consumers'
import { runLoad } from '@overlap/load'
import { type ExperimentId, type ExperimentResult, experiments, isHeld } from '@overlap/load/experiments'
import { Problem, unavailable } from './problem.ts'
import { forkServant } from './servant.ts'
import type { Rule } from './rules.ts'

/** What an experiment is made with. */
export interface Site {
  /** Where this server listens. */
  readonly base: string
  /** The name of the active style. */
  readonly style: string
  readonly rules: readonly Rule[]
  /** `undefined`: there is none of which a server of its own could be told. */
  readonly urls: ExperimentUrls | undefined
  readonly signal: AbortSignal
}

/** Of Postgres, and of the reservation service. */
export interface ExperimentUrls {
  readonly database: string
  readonly upstream: string
}

interface Measured {
  readonly parts: ExperimentResult['parts']
  readonly note?: string
  readonly ratio?: number
  /** Where it is no ratio that must come back, or not alone. */
  readonly held?: boolean
}

const blockingServer = new URL('./blocking-server.main.ts', import.meta.url)
const nothing = new URL('./nothing.main.ts', import.meta.url)

const both = 'sku=A-42&dbMs=300&httpMs=300'
const ten = Array.from({ length: 10 }, (_, n) => `A-${n + 1}`)
const hundred = Array.from({ length: 100 }, (_, n) => `A-${(n % 20) + 1}`)

const measures: Readonly<Record<ExperimentId, (site: Site) => Promise<Measured>>> = {
  E1: async (site) => {
    const seconds = await time(site, '/livez', { requests: 10_000, connections: 100 })
    return { parts: [{ label: 'ours', seconds }], note: `${Math.round(10_000 / seconds)} requests/s` }
  },
  E2: (site) =>
    withBlockingServer(site, async (base) => {
      const seconds = await twenty({ ...site, base }, '/blocking')
      return { parts: [{ label: 'blocking', seconds }], ratio: seconds / 6 }
    }),
  E3: (site) =>
    withBlockingServer(site, async (base) =>
      compare(
        ['blocking', () => twenty({ ...site, base }, '/blocking')],
        ['asynchronous', () => twenty({ ...site, base }, '/asynchronous')],
      ),
    ),
  E4: async (site) => {
    const seconds = await twenty(site, `/api/run/sequence?${both}&style=callbacks`)
    return { parts: [{ label: 'callbacks', seconds }], ratio: seconds / 1.2 }
  },
  E5: (site) =>
    compare(
      ['generators', () => twenty(site, `/api/run/sequence?${both}&style=generators`)],
      ['callbacks', () => twenty(site, `/api/run/sequence?${both}&style=callbacks`)],
    ),
  E6: (site) =>
    compare(
      ['one after the other', () => twenty(site, `/api/run/sequence?${both}&style=callbacks`)],
      ['at the same time', () => twenty(site, `/api/run/combine?${both}&style=callbacks`)],
    ),
  E7: (site) =>
    compare(
      ['promises', () => twenty(site, `/api/run/combine?${both}&style=promises`)],
      ['callbacks', () => twenty(site, `/api/run/combine?${both}&style=callbacks`)],
    ),
  E8: async (site) => {
    const isRegulated = site.rules.some(
      ({ header, value, limit }) => header === 'foo' && value === 'bar' && limit === 2,
    )
    if (!isRegulated)
      throw new Problem(
        409,
        'This needs the rule that REGULATE has by default: at most 2 at a time of Foo: bar.',
      )
    const path = `/api/run/combine?sku=A-42&dbMs=0&httpMs=1000&style=${site.style}`
    const asked = (foo: string) => () => time(site, path, { requests: 10, connections: 10, headers: { foo } })
    return compare(['bar', asked('bar')], ['baz', asked('baz')])
  },
  E9: async ({ signal }) => {
    const { said, stop } = await forkServant<ExperimentResult['parts']>(nothing, [], signal)
    await stop()
    const [plain, , ...asynchronous] = said
    const fastest = Math.min(...asynchronous.map(({ seconds }) => seconds))
    return { parts: said, ratio: fastest / (plain?.seconds ?? NaN) }
  },
  E10: (site) => {
    const asked = (limit: number) => () => one(site, `/api/run/thumbnails?limit=${limit}&style=${site.style}`)
    return compare(['one by one', asked(1)], ['overlapped', asked(4)])
  },
  E11: (site) => {
    const asked = (limit: number) => () =>
      one(site, `/api/run/limit?skus=${ten.join()}&limit=${limit}&dbMs=1000&httpMs=1000&style=${site.style}`)
    return compare(['in a loop', asked(1)], ['together', asked(10)])
  },
  E12: async (site) => {
    const began = performance.now()
    const path = `/api/run/shutdown?skus=${hundred.join()}&closeMs=100&graceMs=10000&dbMs=0&httpMs=1000&style=${site.style}`
    const { result } = JSON.parse(await ask(site, path)) as { result: readonly unknown[] }
    const seconds = (performance.now() - began) / 1000
    const finished = result.filter((job) => job !== null).length
    return {
      parts: [{ label: 'until closed', seconds }],
      note: `${finished} of ${result.length} jobs finished`,
      ratio: seconds,
      held: finished === result.length,
    }
  },
  E13: async (site) => {
    const began = performance.now()
    const order: { label: string; seconds: number }[] = []
    const clients = [
      ['slow', 900],
      ['fast', 100],
      ['middling', 500],
      ['fast', 100],
    ] as const
    await Promise.all(
      clients.map(async ([label, ms]) => {
        await ask(site, `/api/run/combine?sku=A-42&dbMs=0&httpMs=${ms}&style=${site.style}`)
        order.push({ label, seconds: (performance.now() - began) / 1000 })
      }),
    )
    const note = order.map(({ label }) => label).join(', ')
    return { parts: order, note, held: note === 'fast, fast, middling, slow' }
  },
  E14: (site) => {
    const task = (steps: number) =>
      ask(
        site,
        `/api/run/limit?skus=${ten.slice(0, steps).join()}&limit=1&dbMs=1000&httpMs=1000&style=${site.style}`,
      )
    return compare(
      ['one after the other', () => timed(async () => void (await task(1), await task(2), await task(3)))],
      ['at the same time', () => timed(async () => void (await Promise.all([1, 2, 3].map(task))))],
    )
  },
}

/** `undefined`: there is no such experiment. */
export function findExperiment(id: string): ((site: Site) => Promise<ExperimentResult>) | undefined {
  const experiment = experiments.find((each) => each.id === id)
  if (!experiment) return undefined
  return async (site) => {
    const { parts, note = null, ratio = null, held = true } = await measures[experiment.id](site)
    const isShape = experiment.ratio !== null && ratio !== null
    return {
      id: experiment.id,
      parts,
      note,
      ratio,
      expected: experiment.ratio?.theirs ?? null,
      held: isShape ? held && isHeld(experiment.ratio, ratio) : experiment.id === 'E1' ? null : held,
    }
  }
}

type Part = readonly [label: string, measure: () => Promise<number>]

/** One after the other. The ratio is that of the first to the second. */
async function compare(...[a, b]: readonly [Part, Part]): Promise<Measured> {
  const first = { label: a[0], seconds: await a[1]() }
  const second = { label: b[0], seconds: await b[1]() }
  return { parts: [first, second], ratio: first.seconds / second.seconds }
}

const twenty = (site: Site, path: string) => time(site, path, { requests: 20, connections: 10 })
const one = (site: Site, path: string) => time(site, path, { requests: 1, connections: 1 })

interface Requests {
  readonly requests: number
  readonly connections: number
  readonly headers?: Readonly<Record<string, string>>
}

/** From the first request to the last answer, in seconds. Throws a problem when not all are answered. */
async function time({ base, signal }: Site, path: string, { requests, ...load }: Requests): Promise<number> {
  const [report] = await runLoad(
    { urls: [base + path], until: { requests }, patienceMs: 30_000, ...load },
    { signal },
  )
  const answered = report.answers.find(({ status }) => status === 200)?.count ?? 0
  if (answered < requests) throw unavailable(`Only ${answered} of ${requests} requests were answered.`)
  return report.seconds
}

async function timed(work: () => Promise<void>): Promise<number> {
  const began = performance.now()
  await work()
  return (performance.now() - began) / 1000
}

/** One request, over a connection of its own. */
async function ask({ base, signal }: Site, path: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<http.IncomingMessage>()
  http.get(base + path, { agent: false, signal }, resolve).on('error', reject)
  const response = await promise
  const body = await text(response)
  if (response.statusCode !== 200) throw unavailable(`A request was answered with ${response.statusCode}.`)
  return body
}

async function withBlockingServer<A>({ urls, signal }: Site, work: (base: string) => Promise<A>): Promise<A> {
  if (!urls) throw unavailable('This needs a database of which another process can be told.')
  const { said, stop } = await forkServant<string>(blockingServer, [urls.database, urls.upstream], signal)
  try {
    return await work(said)
  } finally {
    await stop()
  }
}
