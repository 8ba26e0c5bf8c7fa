/**
 * The process: reads the environment, starts what the server needs, listens, and stops all of it again.
 *
 * Standard output is one line, once the server listens; everything else goes to standard error.
 * Exit codes: 0 after an orderly shutdown; 1 when the start failed, or runs had to be cancelled; 2 when
 * the environment is wrong.
 */
import { forkReservationService, openPort, startPostgres } from '@overlap/backend'
import closeWithGrace from 'close-with-grace'
import { pino } from 'pino'
import { buildApp } from './app.ts'
import { type Settings, parseEnvironment } from './environment.ts'
import { Preparation } from './preparation.ts'
import { REPLICAS } from './programs.ts'
import { Stops } from './stops.ts'
import { styles } from './styles.ts'

/** How long runs may go on after a signal. */
const GRACE_MS = 15_000
/** Signals that come sooner after the first one are the same. */
const SAME_SIGNAL_MS = 300
/** For everything else that a shutdown does. */
const STOP_MS = 10_000

const { settings, problems } = parseEnvironment(process.env)
if (problems) {
  console.error(['Overlap cannot start: the environment is wrong.', ...problems].join('\n  '))
  process.exit(2)
}

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
  const address = await start(settings)
  // Since the process began: what a person who waits for it would count.
  console.log(
    `Overlap is ready on ${address} in ${(performance.now() / 1000).toFixed(1)} s: ${settings.style}`,
  )
} catch (error) {
  if (!stops.stopping) {
    console.error(`Overlap could not start: ${explain(error, settings)}`)
    await stops.all().catch(() => {})
    process.exit(1)
  }
}

/** Resolves with the address once the server listens, and has tried to prepare the database. */
async function start({
  port,
  host,
  style,
  poolMax,
  adminToken,
  logLevel,
  ...given
}: Settings): Promise<string> {
  const [databaseUrl, upstreamUrls] = await Promise.all([
    // A few connections more than the pool has, for an operator who wants to look.
    given.databaseUrl ?? urlOf(stops.own(startPostgres({ maxConnections: poolMax + 20 }))),
    given.upstreamUrls ?? urlsOf(stops.own(forkReservationService({ replicas: REPLICAS }))),
  ])
  const backend = openPort({
    databaseUrl,
    upstreamUrls: asManyAs(REPLICAS, upstreamUrls),
    poolMax,
    applicationName: 'overlap-demo-server',
  })
  stops.add(() => backend.close())

  // Standard output is for the one line that says where the server is.
  const log = pino({ level: logLevel }, process.stderr)
  const app = buildApp({ port: backend, styles, initialStyle: style, adminToken, log, check })
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

  const [address] = await Promise.all([app.listen({ port, host }), preparation.attempt()])
  return address
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

function explain(error: unknown, { port, host }: Settings): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'EADDRINUSE')
    return `port ${port} on ${host} is in use. Set PORT to another one, or to 0 for any.`
  if (code === 'EACCES') return `port ${port} may not be opened by this user. Set PORT to another one.`
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
    return `${host} is not an address of this machine. Set HOST.`
  return messageOf(error)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
