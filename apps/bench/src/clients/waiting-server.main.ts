/**
 * A bare `node:http` handler that answers `GET /300` with a `combine` whose database answers at once, and whose
 * service after 300 ms. Who leaves aborts it. It is weighed when it is asked to.
 *
 * `SUBJECT` is a style, what most people write, or "nothing": a timer instead of the calls, which is what the
 * client costs alone.
 */
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { type RealPort, openPort } from '@overlap/backend'
import { callbacks } from '@overlap/callbacks'
import { effect } from '@overlap/effect'
import { generators } from '@overlap/generators'
import { observables } from '@overlap/observables'
import { promises } from '@overlap/promises'
import type { Port } from '@overlap/workload'
import { openPlain } from '../what-most-write.ts'
import { NOTHING, type Weight } from './waiting-clients.ts'

const POOL_MAX = 20
/** Answers are held back until all clients have asked, which may take its time on a busy machine. */
const ANSWER_TIMEOUT_MS = 120_000
/** No client is closed because it has not asked for a while. */
const KEPT_MS = 60_000
/** All that is waited for is there sooner, or not at all. */
const PATIENCE_MS = 10_000

const { SUBJECT = '', DATABASE_URL = '', UPSTREAM_URL = '' } = process.env
const { answer, isIdle } = await openSubject()
/** Requests that are not answered yet, and whose clients have not left. */
let running = 0

const server = http.createServer({ keepAliveTimeout: KEPT_MS }, (request, response) => {
  const caller = new AbortController()
  running++
  response.on('close', () => {
    running--
    if (!response.writableEnded) caller.abort(new Error('the client has left'))
  })
  void tell(answer(Number(request.url?.slice(1)), caller.signal), response)
})
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo
  process.send?.(`http://127.0.0.1:${port}`)
})
process.on('disconnect', () => process.exit())
process.on('message', (clients) => void weigh(Number(clients)))

async function tell(answering: Promise<unknown>, response: http.ServerResponse): Promise<void> {
  try {
    send(response, 200, await answering)
  } catch (error) {
    send(response, 502, { title: String(error) })
  }
}

function send(response: http.ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body)
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(text),
  })
  response.end(text)
}

/**
 * When so many clients are there, all of them wait, and no query runs any more; or when that does not come to pass. Its garbage is
 * collected twice, because what the first finds may hold more.
 */
async function weigh(clients: number): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS
  const isThere = async () => running === clients && (await countConnections()) === clients && isIdle()
  while (!(await isThere()) && performance.now() < deadline) await sleep(5)
  for (let n = 0; n < 2; n++) {
    await sleep(5)
    globalThis.gc?.()
  }
  const { heapUsed: heap, external, rss } = process.memoryUsage()
  const weight: Weight = { heap, external, rss, clients: running }
  process.send?.(weight)
}

function countConnections(): Promise<number> {
  return new Promise((resolve) => server.getConnections((_error, count) => resolve(count)))
}

interface Subject {
  readonly answer: (httpMs: number, signal: AbortSignal) => Promise<unknown>
  /** Whether no query runs or waits. */
  readonly isIdle: () => boolean
}

async function openSubject(): Promise<Subject> {
  if (SUBJECT === NOTHING)
    return { answer: (ms, signal) => sleep(ms, { sku: 'A-42' }, { signal }), isIdle: () => true }

  const port = openPort({
    databaseUrl: DATABASE_URL,
    upstreamUrls: [UPSTREAM_URL],
    poolMax: POOL_MAX,
    answerTimeoutMs: ANSWER_TIMEOUT_MS,
  })
  await port.prepare()
  const style = [callbacks, promises, generators, observables, effect].find(({ name }) => name === SUBJECT)
  if (style)
    return {
      answer: (ms, signal) => style.combine(viewOf(port, ms), 'A-42', signal),
      isIdle: () => isQuiet(port),
    }

  await port.close()
  const plain = openPlain(DATABASE_URL, UPSTREAM_URL, POOL_MAX)
  return {
    answer: (httpMs, signal) => plain.combine({ dbMs: 0, httpMs }, signal),
    isIdle: () => plain.isIdle,
  }
}

function isQuiet(port: RealPort): boolean {
  const { lent, waiting } = port.stats().database
  return lent + waiting === 0
}

/** One for all runs of that delay, so that it is nobody's. */
const views = new Map<number, Port>()
function viewOf(port: RealPort, httpMs: number): Port {
  const known = views.get(httpMs)
  if (known) return known
  const view = port.forRun({ dbMs: 0, httpMs })
  views.set(httpMs, view)
  return view
}
