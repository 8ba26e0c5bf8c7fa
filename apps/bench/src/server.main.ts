/**
 * `npm run bench:server`: what the demo server costs in each style, against the floor.
 *
 * `combine` without delays, over kept-alive connections. Each style has a server of its own, as an
 * operator would run it; all of them run from the start and are warm. A round gives each of them a slice of
 * load, in a random order, and ratios are taken within a round: what slows the machine down slows a whole
 * round. The floor is measured twice in each round (A/A): its ratio to itself tells how far a ratio can be
 * trusted. What answers with a trace is compared with a floor that does the same.
 */
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { forkReservationService, startPostgres } from '@overlap/backend'
import { styleNames } from '@overlap/workload'
import autocannon from 'autocannon'
import { median, quantile, shuffled } from './statistics.ts'

const { values: options } = parseArgs({
  options: {
    connections: { type: 'string', default: '100' },
    rounds: { type: 'string', default: '13' },
    seconds: { type: 'string', default: '1' },
  },
})
const connections = readCount('connections', options.connections)
const rounds = readCount('rounds', options.rounds)
const seconds = readCount('seconds', options.seconds)

interface Subject {
  readonly name: string
  readonly url: string
  /** The name of the floor that it is compared with. */
  readonly floor: string
  /** CPU time that the server's process has used so far, in µs. */
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
const poolMax = 50
const [postgres, service] = await Promise.all([
  startPostgres({ maxConnections: poolMax * (styleNames.length + 1) + 20 }),
  forkReservationService(),
])
try {
  const env = {
    ...process.env,
    DATABASE_URL: postgres.url,
    UPSTREAM_URL: service.url,
    POOL_MAX: String(poolMax),
  }
  const floor = await startFloor(env)
  const subjects: Subject[] = [
    { ...floor, name: 'floor', floor: 'floor' },
    { ...floor, name: 'floor again (A/A)', floor: 'floor' },
  ]
  const traced: Subject[] = [
    { ...floor, name: 'floor, traced', floor: 'floor, traced', url: `${floor.url}/traced` },
  ]
  for (const style of styleNames) {
    const demo = await startDemo({ ...env, STYLE: style })
    subjects.push({ ...demo, name: style, floor: 'floor' })
    if (style !== 'promises') continue
    traced.push({ ...demo, name: `${style}, traced`, floor: 'floor, traced', url: `${demo.url}&trace=true` })
  }
  subjects.push(...traced)
  for (let warmUp = 0; warmUp < 5; warmUp++) for (const subject of subjects) await measure(subject)

  const slices = new Map(subjects.map(({ name }) => [name, [] as Slice[]]))
  for (let round = 1; round <= rounds; round++) {
    for (const subject of shuffled(subjects)) slices.get(subject.name)?.push(await measure(subject))
    process.stderr.write(`\rround ${round} of ${rounds}`)
  }
  process.stderr.write('\r')
  report(subjects, slices)
} finally {
  await Promise.all(children.map(stop))
  await Promise.all([service.stop(), postgres.stop()])
}

/** Answers like the demo server in content, and is asked for its CPU time over IPC. */
async function startFloor(env: NodeJS.ProcessEnv): Promise<Pick<Subject, 'url' | 'cpuTime'>> {
  const child = fork(new URL('floor.main.ts', import.meta.url), { env })
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
async function startDemo(env: NodeJS.ProcessEnv): Promise<Pick<Subject, 'url' | 'cpuTime'>> {
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

async function measure({ name, url, cpuTime }: Subject): Promise<Slice> {
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
  const rows = subjects.map(({ name, floor }) => {
    const own = slices.get(name) ?? []
    const base = slices.get(floor) ?? []
    const ratios = own.map(({ perSecond }, round) => perSecond / (base[round]?.perSecond ?? NaN))
    const cpuRatios = own.map(({ cpuEach }, round) => cpuEach / (base[round]?.cpuEach ?? NaN))
    return {
      '': name,
      'requests/s': Math.round(median(own.map(({ perSecond }) => perSecond))),
      '× floor': median(ratios).toFixed(3),
      'p10–p90': `${quantile(ratios, 0.1).toFixed(3)}–${quantile(ratios, 0.9).toFixed(3)}`,
      'CPU µs/request': Math.round(median(own.map(({ cpuEach }) => cpuEach))),
      'CPU × floor': median(cpuRatios).toFixed(3),
      'p99 ms': median(own.map(({ p99 }) => p99)),
    }
  })
  console.log(
    `combine, no delays, ${connections} connections, ${rounds} rounds of ${seconds} s slices; medians`,
  )
  console.table(rows)
}

function readCount(name: string, value: string): number {
  const count = Number(value)
  if (!Number.isInteger(count) || count < 1) {
    throw new RangeError(`--${name}: expected an integer of at least 1, got ${value}`)
  }
  return count
}
