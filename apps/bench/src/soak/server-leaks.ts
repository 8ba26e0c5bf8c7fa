/**
 * Whether the demo server keeps anything of clients that have come and gone: those who follow its feed, in each way,
 * and those whose runs wait at a gate or share a loader. Half of them leave without waiting for an answer.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { styleNames } from '@overlap/workload'
import { linearRegression } from 'simple-statistics'
import { addressOf, collector, demoMain } from '../demo-main.ts'
import type { Grounds } from './leaks.ts'

const CONCURRENCY = 50
const POOL_MAX = 10
/** For what goes away by itself: idle connections to what stands behind the server. */
const PATIENCE_MS = 30_000

/** What the server's metrics tell while it has no client but us. */
interface Seen {
  /** Those that have come and gone, since the first time. */
  readonly clients: number
  readonly heapBytes: number
  readonly files: number
  readonly handles: number
  /** Followers of the feed, runs, and keys at the gates. */
  readonly held: number
}

export interface ServerLeaks {
  readonly seen: readonly Seen[]
  readonly bytesPerClient: number
  /** Once what goes away by itself has gone. */
  readonly after: Seen
  readonly exitCode: number | null
}

/** `clients`: how many come and go, after as many as in one round to warm up. */
export async function findServerLeaks(
  { databaseUrl, upstreamUrls }: Grounds,
  { clients, rounds }: { readonly clients: number; readonly rounds: number },
): Promise<ServerLeaks> {
  const server = spawn(process.execPath, ['--expose-gc', '--import', collector, demoMain.pathname], {
    env: {
      ...process.env,
      DATABASE_URL: databaseUrl,
      UPSTREAM_URL: upstreamUrls.join(),
      POOL_MAX: String(POOL_MAX),
      REGULATE: '[{"header":"x-client","limit":1},{"header":"foo","value":"bar","limit":2}]',
      PORT: '0',
      HOST: '127.0.0.1',
    },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  })
  const exited = once(server, 'exit')
  try {
    const url = await addressOf(server)
    const each = Math.ceil(clients / rounds)
    const isQuiet = ({ held }: Seen) => held === 0
    await comeAndGo(url, 0, each)
    // Opens all connections to Postgres that there may be.
    await Promise.all(
      Array.from({ length: 2 * POOL_MAX }, async () =>
        (await fetch(`${url}/api/run/combine?sku=A-42&dbMs=100`)).text(),
      ),
    )
    // All that may be kept for a while is gone, so that what is there then is the baseline.
    await lookUntil(isQuiet, server, url, 0)
    await sleep(PATIENCE_MS / 2)
    const seen = [await lookUntil(isQuiet, server, url, 0)]
    for (let round = 1; round <= rounds; round++) {
      await comeAndGo(url, round * each, each)
      seen.push(await lookUntil(isQuiet, server, url, round * each))
    }
    const [before] = seen
    const isAsBefore = ({ files, handles }: Seen) =>
      before !== undefined && files <= before.files && handles <= before.handles
    const after = await lookUntil(isAsBefore, server, url, rounds * each)
    server.disconnect()
    server.kill()
    const [exitCode] = (await exited) as [number | null]
    const bytesPerClient = linearRegression(seen.map((one) => [one.clients, one.heapBytes])).m
    return { seen, bytesPerClient, after, exitCode }
  } finally {
    server.kill('SIGKILL')
    await exited
  }
}

/** The last look, also if it never comes to that. */
async function lookUntil(
  holds: (seen: Seen) => boolean,
  server: ChildProcess,
  url: string,
  clients: number,
): Promise<Seen> {
  const began = performance.now()
  for (;;) {
    for (let n = 0; n < 2; n++) {
      server.send('collect')
      await sleep(200)
    }
    const seen = await look(url, clients)
    if (holds(seen) || performance.now() - began > PATIENCE_MS) return seen
  }
}

async function look(url: string, clients: number): Promise<Seen> {
  const metrics = await (await fetch(`${url}/metrics`)).text()
  const sum = (name: string, without?: RegExp) =>
    [...metrics.matchAll(new RegExp(`^${name}({.*})? (\\S+)$`, 'gm'))]
      .filter(([, labels = '']) => !without?.test(labels))
      .reduce((total, [, , value]) => total + Number(value), 0)
  return {
    clients,
    // Without what the compiler has put there.
    heapBytes: sum('nodejs_heap_space_size_used_bytes', /code|trusted/),
    files: sum('process_open_fds'),
    handles: sum('nodejs_active_handles_total'),
    held: sum('overlap_feed_followers') + sum('overlap_runs_running') + sum('overlap_gate_keys'),
  }
}

async function comeAndGo(url: string, first: number, count: number): Promise<void> {
  let next = first
  await Promise.all(
    Array.from({ length: CONCURRENCY }, async () => {
      while (next < first + count) await visit(url, next++)
    }),
  )
}

const webSocket = {
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
}

/** What the `n`th client asks for: a path without its style, and headers. */
function wish(n: number): readonly [path: string, headers?: Readonly<Record<string, string>>] {
  const channels = `channels=news-${n % 3}`
  const run = 'sku=A-42&dbMs=1&httpMs=1'
  const wishes = [
    [`/api/feed?${channels}`, { Accept: 'text/event-stream' }],
    [`/api/feed?${channels}`, webSocket],
    [`/api/feed?${channels}&waitMs=20`],
    [`/api/run/subscribe?${channels}`],
    [`/api/run/combine?${run}`, { 'X-Client': `client ${n}` }],
    [`/api/run/combine?${run}`, { Foo: 'bar' }],
    [`/api/run/batch?${run}&windowMs=${1 + (n % 20)}`],
  ] as const
  return wishes[n % wishes.length] ?? ['/']
}

/** Every second one does not wait for an answer, nor does who has asked for something endless that has no head. */
async function visit(url: string, n: number): Promise<void> {
  const [path, headers = {}] = wish(n)
  const { hostname, port } = new URL(url)
  const socket = net.connect(Number(port), hostname)
  const closed = new Promise((resolve) => socket.on('error', () => {}).on('close', resolve))
  const style = styleNames[n % styleNames.length]
  const lines = Object.entries({ Host: hostname, ...headers }).map(([name, value]) => `${name}: ${value}`)
  socket.write([`GET ${path}&style=${style} HTTP/1.1`, ...lines, '\r\n'].join('\r\n'))
  const answered = new Promise((resolve) => socket.once('data', resolve))
  const leaves = Math.floor(n / styleNames.length) % 2 === 0 || path.startsWith('/api/run/subscribe')
  await (leaves ? sleep(n % 5) : Promise.race([answered, closed]))
  socket.destroy()
  await closed
}

/** What the clients have left, in words. `bytesPerClient`: how much the heap may grow. */
export function judgeServer(
  { seen, after, ...found }: ServerLeaks,
  { bytesPerClient }: { readonly bytesPerClient: number },
): string[] {
  const problems: string[] = []
  const [before] = seen
  if (!before) return ['nothing was seen']
  for (const what of ['files', 'handles'] as const)
    if (after[what] > before[what]) problems.push(`${what}: ${after[what]}, not ${before[what]}`)
  const held = Math.max(after.held, ...seen.map((one) => one.held))
  if (held > 0) problems.push(`${held} followers, runs and keys of clients that had left`)
  if (found.bytesPerClient > bytesPerClient)
    problems.push(
      `the heap grows by ${Math.round(found.bytesPerClient)} bytes a client, not ${bytesPerClient} at most`,
    )
  if (found.exitCode !== 0) problems.push(`exit code ${found.exitCode}`)
  return problems
}
