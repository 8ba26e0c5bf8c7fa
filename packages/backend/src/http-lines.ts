/**
 * The lines to the reservation service: as many as requests are under way, and never one to spare.
 *
 * The line that was used last is used first, so that the others can grow old and be closed. Nobody
 * waits here: a request that finds no idle line opens one.
 */
import { ANSWER_TIMEOUT_MS } from './calls.ts'
import { HttpLine, type LineOwner } from './http-line.ts'

export interface HttpStats {
  /** Requests that have neither been answered nor stopped. */
  readonly requests: number
  /** Sockets, connecting ones included. */
  readonly sockets: number
  /** Sockets that are kept for the next request. */
  readonly idle: number
}

export class HttpLines implements LineOwner {
  readonly #origin: string
  readonly #lines = new Set<HttpLine>()
  readonly #idle: HttpLine[] = []
  /** How long an answer may take, from the request to the end of its body. */
  readonly answerTimeoutMs: number
  #sockets = 0
  #closing: PromiseWithResolvers<void> | null = null

  constructor(origin: string, answerTimeoutMs = ANSWER_TIMEOUT_MS) {
    this.#origin = origin
    this.answerTimeoutMs = answerTimeoutMs
  }

  get closed(): boolean {
    return this.#closing !== null
  }

  take(): HttpLine {
    return this.#idle.pop() ?? this.#open()
  }

  /** The request has been answered in full. */
  release(line: HttpLine): void {
    if (this.#lines.has(line)) this.#idle.push(line)
  }

  /** Closes the socket, whatever it is doing. */
  discard(line: HttpLine, closed: () => void = () => {}): void {
    this.#lines.delete(line)
    line.close(closed)
  }

  stats(): HttpStats {
    return { requests: this.#lines.size - this.#idle.length, sockets: this.#sockets, idle: this.#idle.length }
  }

  /** Cuts off what runs, and resolves once every socket has closed. */
  close(): Promise<void> {
    if (this.#closing) return this.#closing.promise
    this.#closing = Promise.withResolvers()
    if (this.#sockets === 0) this.#closing.resolve()
    this.#idle.length = 0
    for (const line of this.#lines) this.discard(line)
    return this.#closing.promise
  }

  socketOpened(): void {
    this.#sockets++
  }

  socketClosed(): void {
    this.#sockets--
    if (this.#sockets === 0) this.#closing?.resolve()
  }

  disconnected(line: HttpLine): void {
    const index = this.#idle.indexOf(line)
    if (index === -1) return
    this.#idle.splice(index, 1)
    this.discard(line)
  }

  #open(): HttpLine {
    const line = new HttpLine(this.#origin, this)
    this.#lines.add(line)
    return line
  }
}
