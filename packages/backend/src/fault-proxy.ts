/**
 * A TCP proxy that makes connections as bad as one likes, with the toxics of Toxiproxy: for tests, and for whoever
 * wants to see what a server makes of it.
 *
 * Where it differs from Toxiproxy:
 * - The end of one direction leaves the other open, and a reset is handed on as a reset.
 * - `reset_peer` resets connections too that were open before it came.
 * - `timeout` counts from when it came, not from the last data. When it is removed, only connections that have lost
 *   data by it are closed.
 * - `toxicity` is decided once for each connection and toxic.
 * - A toxic that is changed is a new one: `limit_data` begins to count anew.
 * - While a direction holds back 1 MiB or 1,024 chunks, its sender has to wait. With much latency, that bounds what
 *   goes through.
 *
 * Source: https://github.com/Shopify/toxiproxy
 */
import { once } from 'node:events'
import net, { type AddressInfo, type Socket } from 'node:net'
import { isDeepStrictEqual } from 'node:util'
import { FaultLink } from './fault-link.ts'
import { readToxics, type Toxic, type ToxicInput } from './toxics.ts'

export interface FaultProxyOptions {
  readonly upstream: {
    readonly host: string
    /** 1 to 65535. */
    readonly port: number
  }
  /** On 127.0.0.1, 0 to 65535. Any free one by default. */
  readonly listenPort?: number
  /** For jitter, slices and toxicity: uniform in [0, 1). `Math.random` by default. */
  readonly random?: () => number
}

export interface FaultProxy {
  /** Where it listens on 127.0.0.1, or will again. */
  readonly port: number
  /** Whether it listens. */
  readonly enabled: boolean
  readonly toxics: readonly Toxic[]
  /** Through it, now. */
  readonly connections: number
  /**
   * Replaces all toxics, also those of open connections. Those that are the same as before go on; what others hold
   * back is sent at once. Throws a `RangeError` that names what is wrong, and changes nothing then.
   */
  setToxics(toxics: readonly ToxicInput[]): void
  /** Listens on its port again. Rejects when that has been taken meanwhile, or when it was stopped. Idempotent. */
  enable(): Promise<void>
  /** Cuts off all connections, and refuses others. Resolves once they are closed. Idempotent. */
  disable(): Promise<void>
  /** The same, for good. */
  stop(): Promise<void>
}

/** Throws a `RangeError` when an option cannot be used; rejects when it cannot listen. */
export async function startFaultProxy({
  upstream,
  listenPort = 0,
  random = Math.random,
}: FaultProxyOptions): Promise<FaultProxy> {
  if (upstream.host === '') throw new RangeError('upstream.host must not be empty')
  checkPort('upstream.port', upstream.port, 1)
  checkPort('listenPort', listenPort, 0)
  const proxy = new TcpFaultProxy(upstream, random)
  await proxy.listen(listenPort)
  return proxy
}

function checkPort(name: string, port: number, least: number) {
  if (!Number.isSafeInteger(port) || port < least || port > 65_535)
    throw new RangeError(`${name} must be an integer from ${least} to 65535`)
}

class TcpFaultProxy implements FaultProxy {
  port = 0
  toxics: readonly Toxic[] = []
  readonly #upstream: FaultProxyOptions['upstream']
  readonly #random: () => number
  readonly #server = net.createServer({ allowHalfOpen: true, noDelay: true }, (client) =>
    this.#accept(client),
  )
  readonly #connections = new Set<FaultConnection>()
  #stopped = false
  /** Enabling and disabling, one after the other. */
  #switching = Promise.resolve()

  constructor(upstream: FaultProxyOptions['upstream'], random: () => number) {
    this.#upstream = upstream
    this.#random = random
  }

  get enabled(): boolean {
    return this.#server.listening
  }

  get connections(): number {
    return this.#connections.size
  }

  setToxics(input: readonly ToxicInput[]): void {
    const { toxics, problems } = readToxics(input)
    if (problems.length > 0)
      throw new RangeError(problems.map(({ field, expected }) => `${field}: expected ${expected}`).join('; '))
    this.toxics = toxics.map((toxic) => this.toxics.find((same) => isDeepStrictEqual(same, toxic)) ?? toxic)
    for (const connection of this.#connections) connection.setToxics(this.toxics)
  }

  enable(): Promise<void> {
    return this.#switch(async () => {
      if (this.#stopped) throw new Error('the fault proxy has been stopped')
      if (!this.enabled) await this.listen(this.port)
    })
  }

  disable(): Promise<void> {
    return this.#switch(async () => {
      const closed = this.enabled ? once(this.#server.close(), 'close') : undefined
      for (const connection of this.#connections) connection.destroy()
      await Promise.all([closed, ...[...this.#connections].map((connection) => connection.closed)])
    })
  }

  stop(): Promise<void> {
    this.#stopped = true
    return this.disable()
  }

  async listen(port: number): Promise<void> {
    this.#server.listen(port, '127.0.0.1')
    await once(this.#server, 'listening')
    this.port = (this.#server.address() as AddressInfo).port
  }

  #switch(change: () => Promise<void>): Promise<void> {
    const changed = this.#switching.then(change)
    this.#switching = changed.catch(() => {})
    return changed
  }

  #accept(client: Socket) {
    const { host, port } = this.#upstream
    const server = net.connect({ host, port, allowHalfOpen: true, noDelay: true })
    const connection = new FaultConnection(client, server, this.#random)
    connection.setToxics(this.toxics)
    this.#connections.add(connection)
    void this.#forgetOnceClosed(connection)
  }

  async #forgetOnceClosed(connection: FaultConnection) {
    await connection.closed
    this.#connections.delete(connection)
    connection.stop()
  }
}

/** One of a client's, and the one to the server that belongs to it. */
class FaultConnection {
  /** Resolves once both sockets have closed. */
  readonly closed: Promise<unknown>
  readonly #sockets: readonly Socket[]
  readonly #upstream: FaultLink
  readonly #downstream: FaultLink

  constructor(client: Socket, server: Socket, random: () => number) {
    this.#sockets = [client, server]
    this.#upstream = new FaultLink(client, server, random)
    this.#downstream = new FaultLink(server, client, random)
    this.closed = Promise.all(
      this.#sockets.map((socket) => new Promise((resolve) => socket.once('close', resolve))),
    )
  }

  setToxics(toxics: readonly Toxic[]) {
    this.#upstream.setToxics(toxics.filter(({ stream }) => stream === 'upstream'))
    this.#downstream.setToxics(toxics.filter(({ stream }) => stream === 'downstream'))
  }

  destroy() {
    for (const socket of this.#sockets) socket.destroy()
  }

  /** Leaves no timer. */
  stop() {
    this.#upstream.stop()
    this.#downstream.stop()
  }
}
