/**
 * The process: reads the environment, starts what the server needs, listens, and stops all of it again.
 *
 * Standard output is where it listens, once it does; everything else goes to standard error.
 * Exit codes: 0 after an orderly shutdown; 1 when the start failed, or runs had to be cancelled; 2 when
 * the environment is wrong.
 */
import { fileURLToPath } from 'node:url'
import { forkReservationService, openPort, startPostgres } from '@overlap/backend'
import closeWithGrace from 'close-with-grace'
import { openPage } from '@overlap/page'
import { pino } from 'pino'
import { buildApp } from './app.ts'
import { EchoServers } from './echo-servers.ts'
import { type Settings, parseEnvironment } from './environment.ts'
import { startFaults } from './faults.ts'
import { Preparation } from './preparation.ts'
import { REPLICAS } from './programs.ts'
import { EXHIBIT_RUNS } from './routes/run.ts'
import { Stops } from './stops.ts'
import { exhibits, styles } from './styles.ts'

/** How long runs may go on after a signal. */
const GRACE_MS = 15_000
/** Signals that come sooner after the first one are the same. */
const SAME_SIGNAL_MS = 300
/** Of this checkout, and gone with its `node_modules`. */
const SUITE_FILE = fileURLToPath(new URL('../../../node_modules/.cache/overlap/suite.json', import.meta.url))
/** For everything else that a shutdown does. */
const STOP_MS = 10_000

const { settings, problems } = parseEnvironment(process.env)
if (problems) {
  console.error(['Overlap cannot start: the environment is wrong.', ...problems].join('\n  '))
  process.exit(2)
}

// Nobody reads what it says any more: that is no reason to stop, nor one to say so.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})

const stops = new Stops()

// Before anything is started, so that a signal during the start stops what there is by then.
const grace = closeWithGrace(
  {
    skip: ['SIGINT', 'SIGTERM'],
    delay: GRACE_MS + STOP_MS,
    logger: false,
    onTimeout: () => console.error('Overlap could not stop in time, and ends as it is.'),
  },
  async ({ err }) => {
    if (err) console.error('Overlap stops because of a defect:', err)
    try {
      await stops.all()
    } catch (error) {
      console.error(`Overlap has stopped, but not in order: ${messageOf(error)}`)
      throw error
    }
  },
)

// Ctrl-C goes to everybody in the terminal, and npm, which is one of them, passes it on: that is one wish.
let closingSince: number | undefined
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    const now = performance.now()
    closingSince ??= now
    if (closingSince === now) grace.close()
    else if (now - closingSince > SAME_SIGNAL_MS) {
      console.error(`Overlap ends at once: a second signal came (${signal}).`)
      process.exit(1)
    }
  })
}

try {
  const { address, echoes } = await start(settings)
  // Since the process began: what a person who waits for it would count.
  const seconds = (performance.now() / 1000).toFixed(1)
  console.log(`Overlap is ready on ${address} in ${seconds} s: ${settings.style}\nIt echoes on ${echoes}`)
} catch (error) {
  if (!stops.stopping) {
    console.error(`Overlap could not start: ${explain(error, 'PORT', settings.host)}`)
    await stops.all().catch(() => {})
    process.exit(1)
  }
}

/** Resolves with the addresses once the servers listen, and it has tried to prepare the database. */
async function start({
  port,
  host,
  echoPort,
  echoConnections,
  style,
  poolMax,
  admit,
  rules,
  adminToken,
  logLevel,
  ...given
}: Settings): Promise<{ readonly address: string; readonly echoes: string }> {
  const [page, databaseUrl, upstreamUrls] = await Promise.all([
    openPage(),
    // A few connections more than the pool has, for an operator who wants to look.
    given.databaseUrl ?? urlOf(stops.own(startPostgres({ maxConnections: poolMax + EXHIBIT_RUNS + 20 }))),
    given.upstreamUrls ?? urlsOf(stops.own(forkReservationService({ replicas: REPLICAS }))),
  ])
  const direct = { databaseUrl, upstreamUrls: asManyAs(REPLICAS, upstreamUrls) }
  const faults = given.faults ? await stops.own(startFaults(direct)) : undefined
  const { databaseUrl: database, upstreamUrls: upstreams } = faults ?? direct
  const behind = { databaseUrl: database, upstreamUrls: upstreams, applicationName: 'overlap-demo-server' }
  const backend = openPort({ ...behind, poolMax })
  // With connections of its own: who waits for what an exhibit has left running is another run of the exhibit.
  const exhibitPort = openPort({ ...behind, poolMax: EXHIBIT_RUNS })
  stops.add(() => Promise.all([backend.close(), exhibitPort.close()]))

  // Standard output is for the lines that say where the servers are.
  const log = pino({ level: logLevel }, process.stderr)
  const echo = new EchoServers({ port: backend, styles, connections: echoConnections, log })
  const app = buildApp({
    port: backend,
    styles,
    initialStyle: style,
    exhibits: { styles: exhibits, port: exhibitPort },
    rules,
    admit,
    adminToken,
    echo,
    faults: faults?.proxies,
    experimentUrls: { database: direct.databaseUrl, upstream: direct.upstreamUrls[0] ?? '' },
    suiteFile: given.suiteFile ?? SUITE_FILE,
    page,
    log,
    check,
  })
  const preparation = new Preparation(() => backend.prepare(), log)
  async function check() {
    if (!preparation.done) throw new Error('the database is not prepared yet')
    await backend.check()
  }
  stops.add(() => preparation.stop())
  stops.add(async () => {
    const finished = await app.drain(GRACE_MS)
    await app.close()
    if (!finished) throw new Error(`runs had not finished after ${GRACE_MS / 1000} s, and were cancelled.`)
  })

  const [address] = await Promise.all([
    // One after the other, so that it is clear whose port it is that is in use.
    app.listen({ port, host }).then(async (listening) => {
      await echo.listen(echoPort, host).catch((error: unknown) => {
        throw new Error(explain(error, 'ECHO_PORT', host), { cause: error })
      })
      return listening
    }),
    preparation.attempt(),
  ])
  const echoes = styles.map(({ name }) => `${echo.addressOf(name)} (${name})`).join(', ')
  return { address, echoes }
}

async function urlsOf(started: Promise<{ readonly urls: readonly string[] }>): Promise<readonly string[]> {
  return (await started).urls
}

/** An operator who names fewer replicas than are asked has each of them asked more than once. */
function asManyAs(count: number, urls: readonly string[]): string[] {
  return Array.from({ length: count }, (_, index) => urls[index % urls.length] ?? '')
}

async function urlOf(started: Promise<{ readonly url: string }>): Promise<string> {
  return (await started).url
}

/** `variable`: says which port it is. */
function explain(error: unknown, variable: 'PORT' | 'ECHO_PORT', host: string): string {
  const { code, port } = error as { readonly code?: unknown; readonly port?: unknown }
  if (code === 'EADDRINUSE')
    return `port ${String(port)} on ${host} is in use. Set ${variable} to another one, or to 0 for any.`
  if (code === 'EACCES')
    return `port ${String(port)} may not be opened by this user. Set ${variable} to another one.`
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
    return `${host} is not an address of this machine. Set HOST.`
  return messageOf(error)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
