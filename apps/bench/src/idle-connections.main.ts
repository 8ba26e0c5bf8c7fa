/**
 * `npm run bench:connections`: what connections cost that say nothing, and whether others are served meanwhile.
 *
 * Many sockets connect to a demo server from this process, and send no byte. Its memory is weighed before and while
 * they are there, and it is asked for runs in both times. Then it must have closed all of them, as it promises, and
 * serve as before. Exits with 1 if it has not.
 */
import type net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { forkReservationService, startPostgres } from '@overlap/backend'
import { median } from 'simple-statistics'
import { connectSockets, readFileLimit } from './clients/sockets.ts'
import { type Metric, startWeighedServer } from './weighed-server.ts'

const { values: options } = parseArgs({ options: { connections: { type: 'string', default: '10000' } } })
const connections = Number(options.connections)
/** A connection may say nothing for 10 s. As long again, for a machine that is busy. */
const CLOSED_MS = 20_000

const files = readFileLimit()
if (files < connections + 1000) {
  console.log(`Skipped: ${connections} connections need more open files than ${files} (ulimit -n).`)
  process.exit(0)
}

const [postgres, service] = await Promise.all([startPostgres(), forkReservationService()])
const server = await startWeighedServer({ DATABASE_URL: postgres.url, UPSTREAM_URL: service.url })
const sockets = new Set<net.Socket>()
try {
  const before = await server.weigh()
  const alone = await ask()
  await connect()
  const asked = await ask()
  const during = await server.weigh()
  const open = during.overlap_http_connections - before.overlap_http_connections
  const deadline = performance.now() + CLOSED_MS
  while (sockets.size > 0 && performance.now() < deadline) await sleep(100)
  const left = sockets.size
  const after = await server.weigh()
  const again = await ask()

  const each = (metric: Metric) => Math.round((during[metric] - before[metric]) / open)
  console.log(`${connections} connections that say nothing; ${open} of them open when they were weighed`)
  console.table({
    'bytes for each': {
      heap: each('nodejs_heap_size_used_bytes'),
      external: each('nodejs_external_memory_bytes'),
      rss: each('process_resident_memory_bytes'),
    },
  })
  console.table({
    before: { 'a run, ms': alone, 'rss, MiB': mib(before.process_resident_memory_bytes) },
    meanwhile: { 'a run, ms': asked, 'rss, MiB': mib(during.process_resident_memory_bytes) },
    'when they are gone': { 'a run, ms': again, 'rss, MiB': mib(after.process_resident_memory_bytes) },
  })
  if (left > 0 || open < connections * 0.9) {
    console.error(`${left} were not closed, and ${connections - open} were closed too soon.`)
    process.exitCode = 1
  }
} finally {
  for (const socket of sockets) socket.destroy()
  await server.stop()
  await Promise.all([service.stop(), postgres.stop()])
}

async function connect(): Promise<void> {
  for (const socket of await connectSockets(server.url, connections)) {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket)).resume()
  }
}

/** How long a run takes, in ms: the median of 20, one after the other. Throws when one fails. */
async function ask(): Promise<number> {
  const durations: number[] = []
  for (let i = 0; i < 20; i++) {
    const began = performance.now()
    const response = await fetch(`${server.url}/api/run/combine?sku=A-42&dbMs=0&httpMs=0`)
    await response.text()
    if (!response.ok) throw new Error(`a run was answered with ${response.status}`)
    durations.push(performance.now() - began)
  }
  return Math.round(median(durations) * 10) / 10
}

function mib(bytes: number): number {
  return Math.round(bytes / 2 ** 20)
}
