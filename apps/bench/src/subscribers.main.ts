/**
 * `npm run bench:subscribers`: what a client costs that follows the feed and hears nothing.
 *
 * For each style and each way a demo server of its own, to which many sockets connect from this process. Its
 * metrics are read when nobody follows and when all do, both after its garbage has been collected, and once more
 * after a round of signs of life. Then one message is sent, and everybody must get it.
 */
import { once } from 'node:events'
import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { forkReservationService, startPostgres } from '@overlap/backend'
import { styleNames } from '@overlap/workload'
import { type Metric, startWeighedServer } from './weighed-server.ts'

const { values: options } = parseArgs({
  options: {
    subscribers: { type: 'string', default: '5000' },
    idle: { type: 'string', default: '15' },
  },
})
const subscribers = Number(options.subscribers)
const idleSeconds = Number(options.idle)

/** How many connect at the same time. */
const BATCH = 100
const CHANNEL = 'news'

const webSocket = {
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
}
const ways: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'server-sent events': { Accept: 'text/event-stream' },
  WebSocket: webSocket,
}

const [postgres, service] = await Promise.all([startPostgres(), forkReservationService()])
try {
  const rows: Record<string, string | number>[] = []
  for (const style of styleNames)
    for (const [way, headers] of Object.entries(ways)) {
      process.stderr.write(`\r${`${style}, ${way}`.padEnd(40)}`)
      rows.push({ style, way, ...(await measure(style, headers)) })
    }
  process.stderr.write('\r')
  console.log(`${subscribers} idle subscribers of one channel; bytes for each`)
  console.table(rows)
} finally {
  await Promise.all([service.stop(), postgres.stop()])
}

async function measure(style: string, headers: Readonly<Record<string, string>>) {
  const server = await startWeighedServer({
    DATABASE_URL: postgres.url,
    UPSTREAM_URL: service.url,
    STYLE: style,
  })
  const { url } = server
  try {
    // What is made for the first of them is not the price of the others.
    for (const { socket } of await connect(url, headers, BATCH)) socket.destroy()
    const before = await server.weigh()
    const clients = await connect(url, headers, subscribers)
    const after = await server.weigh()
    await sleep(idleSeconds * 1000)
    const rested = await server.metrics()

    const sentAt = performance.now()
    await fetch(`${url}/api/feed/${CHANNEL}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ text: 'hello' }),
    })
    await Promise.all(clients.map(({ got }) => got))
    const deliveredMs = performance.now() - sentAt
    for (const { socket } of clients) socket.destroy()

    const each = (metric: Metric) => Math.round((after[metric] - before[metric]) / subscribers)
    return {
      heap: each('nodejs_heap_size_used_bytes'),
      external: each('nodejs_external_memory_bytes'),
      rss: each('process_resident_memory_bytes'),
      'idle CPU %': (
        ((rested.process_cpu_seconds_total - after.process_cpu_seconds_total) / idleSeconds) *
        100
      ).toFixed(1),
      'a message to all, ms': Math.round(deliveredMs),
    }
  } finally {
    await server.stop()
  }
}

interface Client {
  readonly socket: net.Socket
  /** Resolves when the message has come. */
  readonly got: Promise<void>
}

async function connect(
  url: string,
  headers: Readonly<Record<string, string>>,
  count: number,
): Promise<Client[]> {
  const clients: Client[] = []
  while (clients.length < count)
    clients.push(
      ...(await Promise.all(
        Array.from({ length: Math.min(BATCH, count - clients.length) }, () => follow(url, headers)),
      )),
    )
  return clients
}

/** Resolves when the head of the answer has come. */
async function follow(url: string, headers: Readonly<Record<string, string>>): Promise<Client> {
  const { hostname, port } = new URL(url)
  const socket = net.connect(Number(port), hostname)
  const lines = Object.entries({ Host: hostname, ...headers }).map(([name, value]) => `${name}: ${value}`)
  socket.write([`GET /api/feed?channels=${CHANNEL} HTTP/1.1`, ...lines, '\r\n'].join('\r\n'))
  const { promise: got, resolve } = Promise.withResolvers<void>()
  const [head] = (await once(socket, 'data')) as [Buffer]
  if (!/^HTTP\/1.1 (101|200) /.test(head.toString('latin1'))) throw new Error(head.toString())
  socket.on('data', (chunk) => {
    if (chunk.includes('hello')) resolve()
  })
  return { socket, got }
}
