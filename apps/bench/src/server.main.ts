/**
 * `npm run bench:server`: what each style costs, and what the demo server costs on top of it.
 *
 * `combine` without delays, over kept-alive connections. The subjects are the floor (plain callbacks behind a bare
 * `node:http` handler), each style behind such a handler, and each style behind the demo server. All of them run
 * from the start and are warm. A round gives each of them a slice of load, in a random order, and ratios are
 * taken within a round: what slows the machine down slows a whole round.
 *
 * Two processes of the same program can differ by 10 % for as long as they live. So each subject is several
 * processes, which take turns, and the floor is two subjects (A/A): its ratio to itself tells how far any
 * ratio can be trusted.
 */
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { forkReservationService, startPostgres } from '@overlap/backend'
import { styleNames } from '@overlap/workload'
import autocannon from 'autocannon'
import { median, quantile, shuffle } from 'simple-statistics'

const { values: options } = parseArgs({
  options: {
    connections: { type: 'string', default: '100' },
    rounds: { type: 'string', default: '15' },
    processes: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '1' },
  },
})
const connections = readCount('connections', options.connections)
const rounds = readCount('rounds', options.rounds)
const processes = readCount('processes', options.processes)
const seconds = readCount('seconds', options.seconds)

interface Subject {
  readonly name: string
  /** The name of what it is compared with besides the floor. */
  readonly byHand?: string
  readonly servers: readonly Server[]
}

interface Server {
  readonly url: string
  /** CPU time that its process has used so far, in µs. */
  readonly cpuTime: () => Promise<number>
}

/** One slice of load on one subject. */
interface Slice {
  readonly perSecond: number
  /** CPU time of the server for each request, in µs. */
  readonly cpuEach: number
  /** Latency at the 99th percentile, in ms. */
  readonly p99: number
}

const children: ChildProcess[] = []
const poolMax = 20
const [postgres, service] = await Promise.all([
  startPostgres({ maxConnections: (2 * styleNames.length + 2) * processes * poolMax + 20 }),
  forkReservationService(),
])
try {
  const env = {
    ...process.env,
    DATABASE_URL: postgres.url,
    UPSTREAM_URL: service.url,
    POOL_MAX: String(poolMax),
    // Nothing is refused, however many connections there are.
    MAX_RUNS: '100000',
    MAX_WAIT_MS: '600000',
    MAX_LAG_MS: '600000',
  }
  const subjects: Subject[] = [
    { name: 'floor', servers: await several(() => startByHand(env)) },
    { name: 'floor again (A/A)', servers: await several(() => startByHand(env)) },
  ]
  for (const style of styleNames) {
    const byHand = `${style}, by hand`
    subjects.push({ name: byHand, servers: await several(() => startByHand({ ...env, STYLE: style })) })
    subjects.push({
      name: `${style}, demo server`,
      byHand,
      servers: await several(() => startDemo({ ...env, STYLE: style })),
    })
  }
  for (let warmUp = 0; warmUp < 4 * processes; warmUp++)
    for (const subject of subjects) await measure(subject, warmUp)

  const slices = new Map(subjects.map(({ name }) => [name, [] as Slice[]]))
  for (let round = 0; round < rounds; round++) {
    for (const subject of shuffle([...subjects]))
      slices.get(subject.name)?.push(await measure(subject, round))
    process.stderr.write(`\rround ${round + 1} of ${rounds}`)
  }
  process.stderr.write('\r')
  report(subjects, slices)
} finally {
  await Promise.all(children.map(stop))
  await Promise.all([service.stop(), postgres.stop()])
}

async function several(start: () => Promise<Server>): Promise<Server[]> {
  const servers: Server[] = []
  while (servers.length < processes) servers.push(await start())
  return servers
}

/** Answers what the demo server answers, and is asked for its CPU time over IPC. */
async function startByHand(env: NodeJS.ProcessEnv): Promise<Server> {
  const child = fork(new URL('by-hand.main.ts', import.meta.url), { env })
  children.push(child)
  const [{ url }] = (await once(child, 'message')) as [{ url: string }]
  const cpuTime = async () => {
    child.send('cpu')
    const [{ user, system }] = (await once(child, 'message')) as [NodeJS.CpuUsage]
    return user + system
  }
  return { url, cpuTime }
}

/** The demo server as `npm start` runs it; its metrics tell its CPU time. */
async function startDemo(env: NodeJS.ProcessEnv): Promise<Server> {
  const main = new URL('../../demo-server/src/main.ts', import.meta.url).pathname
  const child = spawn(process.execPath, [main], {
    env: { ...env, PORT: '0', HOST: '127.0.0.1' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
  const [url] = /http:\/\/\S+/.exec(line) ?? []
  if (!url) throw new Error(`the demo server did not say its address, but: ${line}`)
  const cpuTime = async () => {
    const metrics = await (await fetch(`${url}/metrics`)).text()
    const [, cpuSeconds] = /^process_cpu_seconds_total (\S+)/m.exec(metrics) ?? []
    return Number(cpuSeconds) * 1e6
  }
  return { url: `${url}/api/run/combine?sku=A-42&dbMs=0&httpMs=0`, cpuTime }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  child.kill()
  await once(child, 'exit')
}

/** The processes of a subject take turns, by the number of the round. */
async function measure({ name, servers }: Subject, turn: number): Promise<Slice> {
  const server = servers[turn % servers.length]
  if (!server) throw new Error(`${name} has no server`)
  const { url, cpuTime } = server
  const cpuBefore = await cpuTime()
  const { requests, latency, non2xx, errors, duration } = await autocannon({
    url,
    connections,
    duration: seconds,
  })
  const cpu = (await cpuTime()) - cpuBefore
  if (non2xx + errors > 0) throw new Error(`${name}: ${non2xx} bad answers, ${errors} errors`)
  return {
    perSecond: requests.total / duration,
    cpuEach: cpu / requests.total,
    p99: latency.p99,
  }
}

function report(subjects: readonly Subject[], slices: ReadonlyMap<string, readonly Slice[]>): void {
  const rows = subjects.map(({ name, byHand = '' }) => {
    const own = slices.get(name) ?? []
    const ratios = ratiosTo('floor', own, slices, 'perSecond')
    const ownRatios = ratiosTo(byHand, own, slices, 'perSecond')
    return {
      '': name,
      'requests/s': Math.round(median(own.map(({ perSecond }) => perSecond))),
      '× floor': median(ratios).toFixed(3),
      'p10–p90': `${quantile(ratios, 0.1).toFixed(3)}–${quantile(ratios, 0.9).toFixed(3)}`,
      '× by hand': byHand === '' ? '' : median(ownRatios).toFixed(3),
      'CPU µs/request': Math.round(median(own.map(({ cpuEach }) => cpuEach))),
      'CPU × floor': median(ratiosTo('floor', own, slices, 'cpuEach')).toFixed(3),
      'p99 ms': median(own.map(({ p99 }) => p99)),
    }
  })
  console.log(
    `combine, no delays, ${connections} connections, ${processes} processes each, ${rounds} rounds of ${seconds} s slices; medians`,
  )
  console.table(rows)
}

/** Round by round. */
function ratiosTo(
  name: string,
  own: readonly Slice[],
  slices: ReadonlyMap<string, readonly Slice[]>,
  figure: 'perSecond' | 'cpuEach',
): number[] {
  const base = slices.get(name) ?? []
  return own.map((slice, round) => slice[figure] / (base[round]?.[figure] ?? NaN))
}

function readCount(name: string, value: string): number {
  const count = Number(value)
  if (!Number.isInteger(count) || count < 1) {
    throw new RangeError(`--${name}: expected an integer of at least 1, got ${value}`)
  }
  return count
}
