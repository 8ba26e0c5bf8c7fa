/**
 * A closed load over connections that are held from one slice to the next: to open a thousand costs more than a slice is
 * long. Each connection sends the same request again when it has its answer. It looks for no more in an answer than
 * its status and its end, because the generator shares the machine with what it loads.
 */
import net from 'node:net'
import { quantile } from 'simple-statistics'
import { HttpAnswers } from './subjects/http-answers.ts'

/** What came of a slice. Any error ends the benchmark, so there is none in it. */
export interface Load {
  readonly answers: number
  /** From the first request to the last answer: what was under way at the end of the slice is answered, and counted. */
  readonly ms: number
  readonly p50: number
  readonly p90: number
  readonly p99: number
  /** CPU time of the generator's process, in ms. */
  readonly generatorMs: number
}

/** As long as nothing may come in a slice. */
const PATIENCE_MS = 20_000
/** That connect at the same time: fewer than a server's backlog. */
const BATCH = 100

export class HeldLoad {
  readonly #url: URL
  readonly #request: Buffer
  #connections: Connection[] = []

  constructor(url: string) {
    this.#url = new URL(url)
    const { pathname, search, host } = this.#url
    this.#request = Buffer.from(`GET ${pathname}${search} HTTP/1.1\r\nhost: ${host}\r\n\r\n`)
  }

  /** Opens those of `count` that are not open: not yet, or not any more. */
  async open(count: number): Promise<void> {
    this.#connections = this.#connections.filter(({ isOpen }) => isOpen)
    while (this.#connections.length < count) {
      const missing = Math.min(BATCH, count - this.#connections.length)
      const opened = Array.from({ length: missing }, () => Connection.open(this.#url))
      this.#connections.push(...(await Promise.all(opened)))
    }
  }

  /**
   * Sends one request over each that is not counted: the server has been idle, and so have its own connections, which the
   * reservation service has closed.
   */
  async prime(count: number): Promise<void> {
    await this.open(count)
    await this.run(count, 0)
  }

  /** Loads the first `count` connections, which are open, for `seconds`. Each sends one request at least. */
  async run(count: number, seconds: number): Promise<Load> {
    const connections = this.#connections.slice(0, count)
    const latencies: number[] = []
    let last = performance.now()
    let failure: Error | undefined
    const cpuBefore = process.cpuUsage()
    const began = performance.now()
    const until = began + seconds * 1000
    await new Promise<void>((resolve) => {
      let busy = connections.length
      const patience = setTimeout(() => fail(new Error('no answer in time')), PATIENCE_MS)
      function fail(error: Error) {
        failure ??= error
        end()
      }
      function end() {
        clearTimeout(patience)
        resolve()
      }
      for (const connection of connections) {
        let since = performance.now()
        connection.onError = fail
        connection.onAnswer = (status) => {
          if (status !== 200) return fail(new Error(`answered with ${status}`))
          const now = performance.now()
          latencies.push(now - since)
          last = now
          since = now
          if (now < until) connection.send(this.#request)
          else if (--busy === 0) end()
        }
        connection.send(this.#request)
      }
    })
    if (failure) throw new Error(`${this.#url.href}: ${failure.message}`, { cause: failure })
    const { user, system } = process.cpuUsage(cpuBefore)
    return {
      answers: latencies.length,
      ms: last - began,
      p50: quantile(latencies, 0.5),
      p90: quantile(latencies, 0.9),
      p99: quantile(latencies, 0.99),
      generatorMs: (user + system) / 1000,
    }
  }

  close(): void {
    for (const connection of this.#connections) connection.close()
    this.#connections = []
  }
}

/** For all of them: what is read is looked at at once. */
const buffer = Buffer.allocUnsafe(64 * 1024)

class Connection {
  onAnswer: (status: number) => void = () => {}
  onError: (error: Error) => void = () => {}
  readonly #socket: net.Socket

  static async open({ hostname, port }: URL): Promise<Connection> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const connection = new Connection(hostname, Number(port), resolve)
    connection.onError = reject
    await promise
    // One that is idle may be closed.
    connection.onError = () => {}
    return connection
  }

  private constructor(host: string, port: number, opened: () => void) {
    const answers = new HttpAnswers((status) => this.onAnswer(status))
    const callback = (length: number) => {
      try {
        answers.read(buffer.subarray(0, length))
      } catch (error) {
        // A cast: it throws nothing else.
        this.onError(error as Error)
      }
      return true
    }
    this.#socket = net.connect({ host, port, noDelay: true, onread: { buffer, callback } }, opened)
    this.#socket.on('error', (error) => this.onError(error))
    this.#socket.on('close', () => this.onError(new Error('the server has closed a connection')))
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed
  }

  send(request: Buffer): void {
    this.#socket.write(request)
  }

  close(): void {
    this.onError = () => {}
    // Without the time that a port is kept for after an orderly end: there are only so many.
    this.#socket.resetAndDestroy()
  }
}
