/**
 * Asks a server as often as it is told to, in a process of its own, and tells what came of it. Started by `runLoad`,
 * with a `Load` as its argument; answers with a `LoadReport` over IPC.
 *
 * With a rate, the model is open: a request is sent when its time has come, on a connection that is idle, whether or
 * not those before it have been answered. Without, it is closed: each connection sends its next request when the last has
 * been answered. That finds the most that a server can do, and no overload: who waits for answers asks a slow server less
 * often. autocannon's rate is of that kind too, because each of its connections waits.
 *
 * All connections are open before the first request: a Node server takes on one in each turn of its event loop, so that
 * otherwise it would be that which is measured.
 *
 * It speaks just enough HTTP for the demo server's answers, which have a `content-length`: it shares the machine with
 * what it loads, and must be cheaper than that.
 *
 * Source: Schroeder, Wierman, Harchol-Balter: Open Versus Closed: A Cautionary Tale (NSDI 2006)
 */
import { once } from 'node:events'
import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Load, LoadReport, Times } from './load.ts'
import { quantile } from './statistics.ts'

/** How long answers are waited for after the last request. */
const PATIENCE_MS = 5_000
const HEAD_END = Buffer.from('\r\n\r\n')

const load = JSON.parse(process.argv[2] ?? '') as Load
const url = new URL(load.url)
const request = Buffer.from(`GET ${url.pathname}${url.search} HTTP/1.1\r\nHost: ${url.host}\r\n\r\n`)

const connections = new Set<Connection>()
const idle: Connection[] = []
const latenciesMs = new Map<number, number[]>()
const lateMs: number[] = []
/** What a connection does that may be used again. */
let answered = (connection: Connection): void => void idle.push(connection)
let failed = 0
let unsent = 0

class Connection {
  readonly #socket: net.Socket
  #busySince: number | undefined
  #head: Buffer = Buffer.alloc(0)
  #status = 0
  #bytesLeft = 0

  constructor() {
    this.#socket = net.connect({ port: Number(url.port), host: url.hostname, noDelay: true })
    this.#socket.on('data', (chunk) => this.#read(chunk))
    this.#socket.on('error', () => {})
    this.#socket.on('close', () => this.#closed())
    connections.add(this)
  }

  async open(): Promise<void> {
    await once(this.#socket, 'connect')
  }

  get busy(): boolean {
    return this.#busySince !== undefined
  }

  /** `since`: when the time of the request had come. */
  send(since: number): void {
    this.#busySince = since
    this.#socket.write(request)
  }

  close(): void {
    this.#socket.destroy()
  }

  #read(chunk: Buffer) {
    const body = this.#status === 0 ? this.#readHead(chunk) : chunk
    if (!body) return
    this.#bytesLeft -= body.length
    if (this.#bytesLeft > 0 || this.#busySince === undefined) return
    const ms = performance.now() - this.#busySince
    const times = latenciesMs.get(this.#status)
    if (times) times.push(ms)
    else latenciesMs.set(this.#status, [ms])
    this.#status = 0
    this.#busySince = undefined
    answered(this)
  }

  /** Hands back what follows the head, once that is complete. */
  #readHead(chunk: Buffer): Buffer | undefined {
    const bytes = this.#head.length === 0 ? chunk : Buffer.concat([this.#head, chunk])
    const end = bytes.indexOf(HEAD_END)
    this.#head = end === -1 ? bytes : Buffer.alloc(0)
    if (end === -1) return undefined
    const head = bytes.toString('latin1', 0, end)
    this.#status = Number(head.slice('HTTP/1.1 '.length, 'HTTP/1.1 200'.length))
    this.#bytesLeft = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0)
    return bytes.subarray(end + HEAD_END.length)
  }

  #closed() {
    connections.delete(this)
    const index = idle.indexOf(this)
    if (index !== -1) idle.splice(index, 1)
    if (this.busy) failed++
    this.#busySince = undefined
  }
}

async function arrive(perSecond: number): Promise<void> {
  const began = performance.now()
  const total = Math.round(perSecond * load.seconds)
  for (let arrived = 0; arrived < total; await sleep(1)) {
    const due = Math.min(total, ((performance.now() - began) / 1000) * perSecond)
    for (; arrived < due; arrived++) {
      const since = began + (arrived / perSecond) * 1000
      const connection = idle.pop()
      if (!connection) unsent++
      connection?.send(since)
      lateMs.push(performance.now() - since)
    }
  }
}

async function goOn(): Promise<void> {
  answered = (connection) => connection.send(performance.now())
  for (const connection of idle.splice(0)) answered(connection)
  await sleep(load.seconds * 1000)
  answered = () => {}
}

const countBusy = () => [...connections].filter(({ busy }) => busy).length

while (connections.size < load.connections) {
  const connection = new Connection()
  await connection.open()
  idle.push(connection)
}
const began = performance.now()
await (load.perSecond === undefined ? goOn() : arrive(load.perSecond))
const lasted = performance.now() - began
const inTime = new Map([...latenciesMs].map(([status, { length }]) => [status, length]))
for (const end = performance.now() + PATIENCE_MS; countBusy() > 0 && performance.now() < end;) await sleep(10)

const timesOf = (values: readonly number[]): Times => ({
  p50: quantile(values, 0.5),
  p99: quantile(values, 0.99),
})
const report: LoadReport = {
  failed: failed + countBusy(),
  unsent,
  lateMs: lateMs.length > 0 ? timesOf(lateMs) : null,
  answers: [...latenciesMs].map(([status, times]) => ({
    status,
    count: times.length,
    perSecond: ((inTime.get(status) ?? 0) / lasted) * 1000,
    ms: timesOf(times),
  })),
}
process.send?.(report)
for (const connection of connections) connection.close()
process.disconnect?.()
