/**
 * One connection to an HTTP server. It speaks just enough HTTP for answers that have a `content-length`: a load
 * generator shares the machine with what it loads, and must be cheaper than that.
 */
import net from 'node:net'

export interface Address {
  readonly host: string
  readonly port: number
}

const HEAD_END = Buffer.from('\r\n\r\n')

export class Connection {
  readonly #socket: net.Socket
  readonly #onAnswer: (connection: Connection, status: number, ms: number) => void
  readonly #onEnd: (connection: Connection) => void
  #busySince: number | undefined
  #head: Buffer = Buffer.alloc(0)
  #status = 0
  #bytesLeft = 0
  #last = false

  /** `onEnd`: it has closed, whoever has closed it. */
  constructor(
    { host, port }: Address,
    onAnswer: (connection: Connection, status: number, ms: number) => void,
    onEnd: (connection: Connection) => void,
  ) {
    this.#onAnswer = onAnswer
    this.#onEnd = onEnd
    this.#socket = net.connect({ port, host, noDelay: true })
    this.#socket.on('data', (chunk) => this.#read(chunk))
    this.#socket.on('error', () => {})
    this.#socket.on('close', () => this.#onEnd(this))
  }

  /** Rejects when it cannot be opened. */
  async open(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#socket.once('connect', resolve).once('error', reject)
    })
  }

  /** Whether it waits for an answer. */
  get busy(): boolean {
    return this.#busySince !== undefined
  }

  /** Whether another request may be sent over it. */
  get usable(): boolean {
    return !this.#last && !this.#socket.destroyed
  }

  /** `since`: when the time of the request had come. It need not be open yet. */
  send(request: Buffer, since: number): void {
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
    const status = this.#status
    this.#status = 0
    this.#busySince = undefined
    if (this.#last) this.close()
    this.#onAnswer(this, status, ms)
  }

  /** Hands back what follows the head, once that is complete. */
  #readHead(chunk: Buffer): Buffer | undefined {
    const bytes = this.#head.length === 0 ? chunk : Buffer.concat([this.#head, chunk])
    const end = bytes.indexOf(HEAD_END)
    this.#head = end === -1 ? bytes : Buffer.alloc(0)
    if (end === -1) return undefined
    const head = bytes.toString('latin1', 0, end)
    // It could not tell where such an answer ends.
    if (/\r\ntransfer-encoding:/i.test(head)) {
      this.close()
      return undefined
    }
    this.#status = Number(head.slice('HTTP/1.1 '.length, 'HTTP/1.1 200'.length))
    this.#bytesLeft = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0)
    this.#last = /\r\nconnection: close/i.test(head)
    return bytes.subarray(end + HEAD_END.length)
  }
}
