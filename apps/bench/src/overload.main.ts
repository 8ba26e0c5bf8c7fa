/**
 * `npm run bench:overload`: what the demo server does when it is asked for ten times of what it can serve.
 *
 * Two kinds of runs, because it may be short of two things: of connections to Postgres, when the answers take long,
 * or of time in its event loop, when each run has much to do. For each, the most that it serves is found first, by
 * clients that wait for their answers; then ten times as many requests arrive in each second, whether or not any has been
 * answered, while an operator looks in; and after two seconds of rest the clients come back. That makes a round. Its
 * share is of the better of the two that it stands between, and the median of all rounds is what counts: a machine that
 * others use too is not as fast in one round as in the next.
 *
 * Last it tells what a refusal costs beside the shortest run that there is, and so how many times too many a
 * server that does nothing else could refuse.
 *
 * Times are the clients': from when a request's time had come. The load generator, Postgres and the service share the
 * machine with the server, so how late the load was is told too.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { forkReservationService, startPostgres } from '@overlap/backend'
import { type Load, type UrlReport, runLoad } from '@overlap/load'
import { quantile } from 'simple-statistics'
import { addressOf, demoMain } from './demo-main.ts'

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '6' },
    rounds: { type: 'string', default: '5' },
    times: { type: 'string', default: '10' },
    style: { type: 'string', default: 'promises' },
  },
})
const seconds = Number(options.seconds)
const times = Number(options.times)
const rounds = Number(options.rounds)

/** As many clients as the pool has connections. */
const CONNECTIONS = 50
const MANY_CONNECTIONS = 2000
const REST_MS = 2000

const twenty = Array.from({ length: 20 }, (_, n) => `A-${n + 1}`).join()
const regimes: Readonly<Record<string, string>> = {
  'slow database': '/api/run/combine?sku=A-42&dbMs=300&httpMs=0',
  'busy processor': `/api/run/limit?skus=${twenty}&limit=5&dbMs=0&httpMs=0`,
}

const [postgres, service] = await Promise.all([
  startPostgres({ maxConnections: CONNECTIONS + 20 }),
  forkReservationService({ replicas: 3 }),
])
try {
  for (const [name, path] of Object.entries(regimes)) await measure(name, path)
  await weighRefusal()
} finally {
  await Promise.all([service.stop(), postgres.stop()])
}

async function measure(name: string, path: string): Promise<void> {
  const { child, url } = await startDemo()
  try {
    console.log(`\n${name}: ${path.replace(twenty, 'A-1,…,A-20')}, ${options.style}`)
    const target = url + path
    const closed: Load = { urls: [target], connections: CONNECTIONS, until: { seconds } }
    await runLoad({ ...closed, until: { seconds: 2 } })
    let before = await observe(url, closed)
    const table = [{ load: `${CONNECTIONS} clients`, ...show(before) }]
    const shares: number[] = []
    for (let round = 0; round < rounds; round++) {
      const perSecond = Math.round(goodput(before) * times)
      const over = await observe(url, { ...closed, connections: MANY_CONNECTIONS, perSecond })
      await sleep(REST_MS)
      const after = await observe(url, closed)
      table.push({ load: `${perSecond} requests/s`, ...show(over) })
      table.push({ load: `${REST_MS / 1000} s after: ${CONNECTIONS} clients`, ...show(after) })
      shares.push(goodput(over) / Math.max(goodput(before), goodput(after)))
      before = after
    }
    console.table(table)
    const percent = (share: number) => Math.round(share * 100)
    console.log(
      `${percent(quantile(shares, 0.5))} % of the most that it serves, when asked for ${times} times that ` +
        `(${rounds} rounds: ${shares.map(percent).join(', ')})`,
    )
  } finally {
    child.kill()
    await once(child, 'exit')
  }
}

/** The CPU time of a run without delays, and of a refusal, in µs, both over kept-alive connections. */
async function weighRefusal(): Promise<void> {
  const path = '/api/run/combine?sku=A-42&dbMs=0&httpMs=0'
  const run = await weigh(path, 200)
  const refusal = await weigh(path, 503, { MAX_RUNS: '1' })
  const share = run / refusal
  console.log(
    `\n${path}: ${run.toFixed(0)} µs for a run, ${refusal.toFixed(0)} µs for a refusal: with ${share.toFixed(1)} times ` +
      'as many requests as it can serve, nothing is left',
  )
}

async function weigh(path: string, status: number, env: NodeJS.ProcessEnv = {}): Promise<number> {
  const { child, url } = await startDemo(env)
  try {
    // A run that does not end, so that there is one.
    const endless = new AbortController()
    const held = fetch(`${url}/api/run/subscribe?channels=none`, { signal: endless.signal }).catch(() => {})
    const load: Load = { urls: [url + path], connections: CONNECTIONS, until: { seconds } }
    await runLoad(load)
    const observed = await observe(url, load)
    endless.abort()
    await held
    const count = answersOf(observed, status)?.count ?? 0
    return ((observed.after.cpuSeconds - observed.before.cpuSeconds) / count) * 1e6
  } finally {
    child.kill()
    await once(child, 'exit')
  }
}

/** A load, and what could be seen of the server meanwhile. */
interface Observed {
  readonly report: UrlReport
  /** From `before` to `after`. */
  readonly seconds: number
  readonly before: Figures
  readonly after: Figures
  /** The most that was seen meanwhile. */
  readonly mostBytes: number
  /** How long an operator had to wait for each success, in ms, and how often there was none. */
  readonly operatorMs: readonly number[]
  readonly operatorFailures: number
}

async function observe(url: string, load: Load): Promise<Observed> {
  const began = performance.now()
  const before = await readFigures(url)
  const operatorMs: number[] = []
  let operatorFailures = 0
  let mostBytes = 0
  const over = new AbortController()
  async function operate() {
    while (!over.signal.aborted) {
      for (const path of ['/livez', '/readyz', '/api/styles', '/metrics']) {
        const asked = performance.now()
        const response = await fetch(url + path)
        const text = await response.text()
        if (response.ok) operatorMs.push(performance.now() - asked)
        else operatorFailures++
        if (path === '/metrics') mostBytes = Math.max(mostBytes, toFigures(text).bytes)
      }
      await sleep(100)
    }
  }
  const operating = operate()
  const [report] = await runLoad(load)
  over.abort()
  await operating
  const after = await readFigures(url)
  return {
    report,
    seconds: (performance.now() - began) / 1000,
    before,
    after,
    mostBytes,
    operatorMs,
    operatorFailures,
  }
}

interface Figures {
  readonly bytes: number
  readonly cpuSeconds: number
}

async function readFigures(url: string): Promise<Figures> {
  return toFigures(await (await fetch(`${url}/metrics`)).text())
}

function toFigures(metrics: string): Figures {
  const read = (name: string) => Number(new RegExp(`^${name} (\\S+)`, 'm').exec(metrics)?.[1])
  return { bytes: read('process_resident_memory_bytes'), cpuSeconds: read('process_cpu_seconds_total') }
}

function answersOf({ report }: Observed, status: number) {
  return report.answers.find((answers) => answers.status === status)
}

/** Successes in each second, while the load lasted. */
function goodput(observed: Observed): number {
  return answersOf(observed, 200)?.perSecond ?? 0
}

function show(observed: Observed) {
  const { report, before, after, mostBytes, operatorMs, operatorFailures } = observed
  const [accepted, refused] = [answersOf(observed, 200), answersOf(observed, 503)]
  const ms = (value: number | undefined) => (value === undefined ? '' : value.toFixed(1))
  const mib = (bytes: number) => Math.round(bytes / 2 ** 20)
  const others = report.answers.filter(({ status }) => status !== 200 && status !== 503)
  return {
    'runs/s': Math.round(goodput(observed)),
    'p50 ms': ms(accepted?.ms.p50),
    'p99 ms': ms(accepted?.ms.p99),
    '503/s': Math.round(refused?.perSecond ?? 0),
    'its p50 ms': ms(refused?.ms.p50),
    'its p99 ms': ms(refused?.ms.p99),
    'other answers, or none': others.reduce((sum, { count }) => sum + count, report.failed),
    'not sent': report.unsent,
    'sent late, p99 ms': ms(report.lateMs?.p99),
    'operator, p99 ms': ms(quantile(operatorMs, 0.99)),
    'its failures': operatorFailures,
    'processor %': Math.round(((after.cpuSeconds - before.cpuSeconds) / observed.seconds) * 100),
    'MiB before': mib(before.bytes),
    meanwhile: mib(Math.max(mostBytes, before.bytes, after.bytes)),
    after: mib(after.bytes),
  }
}

/** The demo server as `npm start` runs it. */
async function startDemo(env: NodeJS.ProcessEnv = {}): Promise<{ child: ChildProcess; url: string }> {
  const child = spawn(process.execPath, [demoMain.pathname], {
    env: {
      ...process.env,
      DATABASE_URL: postgres.url,
      UPSTREAM_URL: service.urls.join(),
      POOL_MAX: String(CONNECTIONS),
      STYLE: options.style,
      PORT: '0',
      HOST: '127.0.0.1',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  return { child, url: await addressOf(child) }
}
