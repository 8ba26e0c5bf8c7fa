/**
 * A TCP echo server for each style: each connection to it is one run of `echo` in that style. A swap of the
 * active style does not concern them, because each has its own.
 *
 * What breaks one connection touches no other. One over which no byte goes for too long is reset, and so is
 * what has not ended by itself when a shutdown has waited long enough.
 */
import { once } from 'node:events'
import net, { type AddressInfo, type Server, type Socket } from 'node:net'
import { TcpConnection } from '@overlap/backend'
import { type Port, SocketError, type Style } from '@overlap/workload'
import type { ServerPort } from './context.ts'
import { Runs } from './runs.ts'

const IDLE_MS = 5 * 60_000

interface EchoOptions {
  readonly port: Pick<ServerPort, 'forRun'>
  readonly styles: readonly Style[]
  /** How many connections each style has at most: one more is closed at once. */
  readonly connections: number
  /** After how long without a byte a connection is reset. */
  readonly idleMs?: number
  readonly log: { error(what: object, message: string): void }
}

/** How connections have ended. */
export const endings = ['succeeded', 'failed', 'cancelled', 'refused'] as const

export interface EchoStats extends Readonly<Record<(typeof endings)[number], number>> {
  readonly open: number
  /** That have left the process, also over connections that are open. */
  readonly bytes: number
}

/** Why a connection was reset: nothing came over it, and nothing was taken from it. */
class IdleError extends Error {
  override readonly name = 'IdleError'
}

export class EchoServers {
  readonly #servers: ReadonlyMap<string, EchoServer>
  readonly #runs = new Runs()

  constructor(options: EchoOptions) {
    const port = options.port.forRun({ dbMs: 0, httpMs: 0 })
    this.#servers = new Map(
      options.styles.map((style) => [style.name, new EchoServer(style, port, this.#runs, options)]),
    )
  }

  /** On consecutive ports in the order of the styles, or with 0 on any that are free. */
  async listen(firstPort: number, host: string): Promise<void> {
    let port = firstPort
    for (const server of this.#servers.values()) {
      await server.listen(port, host)
      if (firstPort !== 0) port++
    }
  }

  /** `host:port` where a style listens; `null` while it does not. */
  addressOf(style: string): string | null {
    return this.#servers.get(style)?.address ?? null
  }

  /** By style. */
  stats(): ReadonlyMap<string, EchoStats> {
    return new Map([...this.#servers].map(([style, server]) => [style, server.stats()]))
  }

  /**
   * Accepts nothing more. Resolves when every connection has ended, with whether they did so within
   * `graceMs`: the rest was reset.
   */
  drain(graceMs: number): Promise<boolean> {
    for (const server of this.#servers.values()) server.close()
    return this.#runs.drain(graceMs)
  }
}

class EchoServer {
  readonly #style: Style
  readonly #port: Port
  readonly #runs: Runs
  readonly #options: EchoOptions
  readonly #server: Server
  readonly #open = new Set<Socket>()
  readonly #ended = { succeeded: 0, failed: 0, cancelled: 0, refused: 0 }
  /** Of connections that have ended. */
  #bytes = 0

  constructor(style: Style, port: Port, runs: Runs, options: EchoOptions) {
    this.#style = style
    this.#port = port
    this.#runs = runs
    this.#options = options
    // What a client types is to come back at once, and not when there is more of it.
    this.#server = net.createServer({ noDelay: true }, (socket) => void this.#echo(socket))
    this.#server.maxConnections = options.connections
    this.#server.on('drop', () => this.#ended.refused++)
  }

  get address(): string | null {
    if (!this.#server.listening) return null
    // A cast, because a server may listen on a path.
    const { address, family, port } = this.#server.address() as AddressInfo
    return `${family === 'IPv6' ? `[${address}]` : address}:${port}`
  }

  async listen(port: number, host: string): Promise<void> {
    this.#server.listen(port, host)
    await once(this.#server, 'listening')
    // It listens on: a connection that could not be accepted, as there are too many files, is the client's to try again.
    this.#server.on('error', (err) => this.#options.log.error({ err }, 'cannot accept a connection to echo'))
  }

  close(): void {
    this.#server.close()
  }

  stats(): EchoStats {
    let bytes = this.#bytes
    for (const socket of this.#open) bytes += sentOver(socket)
    return { ...this.#ended, open: this.#open.size, bytes }
  }

  async #echo(socket: Socket): Promise<void> {
    const { idleMs = IDLE_MS, log } = this.#options
    const controller = new AbortController()
    const run = { endless: false, place: -1, cancel: (reason: Error) => controller.abort(reason) }
    this.#open.add(socket)
    this.#runs.add(run)
    socket.setTimeout(idleMs, () => run.cancel(new IdleError(`no byte in ${idleMs} ms`)))
    try {
      await this.#style.echo(this.#port, new TcpConnection(socket), controller.signal)
      this.#ended.succeeded++
      socket.destroy()
    } catch (error) {
      this.#ended[controller.signal.aborted ? 'cancelled' : 'failed']++
      socket.resetAndDestroy()
      if (!controller.signal.aborted && !(error instanceof SocketError))
        log.error({ err: error, style: this.#style.name }, 'a defect')
    }
    this.#bytes += sentOver(socket)
    this.#open.delete(socket)
    this.#runs.delete(run)
  }
}

const sentOver = ({ bytesWritten, writableLength }: Socket) => bytesWritten - writableLength
