/**
 * One socket to the reservation service, and the undici client that speaks on it.
 *
 * undici's `Pool` lets go of neither a request that waits nor a socket that is connecting: an abort
 * takes effect once the request is on its socket. A line holds its socket from the start, so closing
 * it closes the socket at once, whatever it is doing, and tells when that is done.
 */
import net from 'node:net'
import tls from 'node:tls'
import { Client, type Dispatcher } from 'undici'

const CONNECT_TIMEOUT_MS = 5_000

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'DELETE'
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** Whoever holds the lines. */
export interface LineOwner {
  socketOpened(): void
  socketClosed(): void
  /** The socket is gone; undici connects again if a request has not been written yet. */
  disconnected(line: HttpLine): void
}

export class HttpLine {
  readonly #client: Client
  readonly #owner: LineOwner
  #socket: net.Socket | undefined

  /** Connects when the first request is dispatched. */
  constructor(origin: string, owner: LineOwner) {
    this.#owner = owner
    this.#client = new Client(origin, {
      connect: (target, callback) => this.#connect(target, callback),
      // An answer has one time-out for all of it, see `http-exchange.ts`.
      headersTimeout: 0,
      bodyTimeout: 0,
    })
    this.#client.on('disconnect', () => owner.disconnected(this))
  }

  dispatch(request: HttpRequest, handler: Dispatcher.DispatchHandler): void {
    this.#client.dispatch(request, handler)
  }

  /** Fails what is under way. `closed` is called once the socket has closed; at once if there is none. */
  close(closed: () => void): void {
    const reason = new Error('the line was closed')
    this.#client.destroy(reason, () => {})
    if (this.#socket) {
      this.#socket.once('close', closed)
      // While it connects, undici does not know the socket yet.
      this.#socket.destroy(reason)
    } else closed()
  }

  #connect(target: Target, callback: (...answer: [null, net.Socket] | [Error, null]) => void) {
    const socket = connectTo(target)
    this.#socket = socket
    this.#owner.socketOpened()
    const timeout = setTimeout(() => {
      socket.destroy(Object.assign(new Error('connect timed out'), { code: 'ETIMEDOUT' }))
    }, CONNECT_TIMEOUT_MS)
    let answer: typeof callback | null = callback
    function connected(...result: Parameters<typeof callback>) {
      clearTimeout(timeout)
      answer?.(...result)
      answer = null
    }
    socket.once(target.protocol === 'https:' ? 'secureConnect' : 'connect', () => connected(null, socket))
    socket.on('error', (error) => connected(error, null))
    socket.once('close', () => {
      connected(new Error('the socket was closed'), null)
      if (this.#socket === socket) this.#socket = undefined
      this.#owner.socketClosed()
    })
  }
}

interface Target {
  readonly protocol: string
  readonly hostname: string
  readonly port: string
  readonly servername?: string | undefined
}

function connectTo({ protocol, hostname, port, servername }: Target): net.Socket {
  const common = { host: hostname, noDelay: true, keepAlive: true }
  if (protocol !== 'https:') return net.connect({ ...common, port: Number(port || 80) })
  return tls.connect({
    ...common,
    port: Number(port || 443),
    ALPNProtocols: ['http/1.1'],
    ...(net.isIP(hostname) === 0 ? { servername: servername ?? hostname } : undefined),
  })
}
