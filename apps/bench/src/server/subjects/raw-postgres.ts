/**
 * One connection to Postgres that runs one prepared statement again and again: as much of the protocol as that takes. What is
 * asked for in one turn of the event loop goes out with one write, before what was asked for earlier has been answered.
 *
 * Only where Postgres trusts whoever comes. What breaks it is thrown, and so ends the process.
 *
 * Source: https://www.postgresql.org/docs/current/protocol-message-formats.html
 */
import net from 'node:net'

type StockDone = (onHand: number | undefined) => void

const STATEMENT = 'SELECT on_hand FROM overlap.stock WHERE sku = $1'
/** Executes the portal without a name to its end, and then asks for ReadyForQuery. */
const EXECUTE_AND_SYNC = Buffer.from('E\0\0\0\x09\0\0\0\0\0S\0\0\0\x04', 'latin1')
/** No format of a parameter: it is text. One parameter follows. */
const ONE_TEXT = Buffer.from('\0\0\0\x01', 'latin1')
/** All columns in binary. */
const BINARY_RESULTS = Buffer.from('\0\x01\0\x01', 'latin1')

export class RawPostgres {
  readonly #socket: net.Socket
  /** In the order of their queries; those before `#answered` have been. */
  #waiting: StockDone[] = []
  #answered = 0
  #corked = false
  #rest: Buffer = Buffer.alloc(0)
  #onHand: number | undefined

  /** Resolves when the statement is prepared. */
  static connect(url: string): Promise<RawPostgres> {
    return new Promise((resolve) => {
      const postgres: RawPostgres = new RawPostgres(new URL(url), () => resolve(postgres))
    })
  }

  private constructor({ hostname, port, username, pathname }: URL, prepared: () => void) {
    const buffer = Buffer.allocUnsafe(64 * 1024)
    this.#socket = net.connect({
      host: hostname,
      port: Number(port),
      noDelay: true,
      onread: { buffer, callback: (length) => this.#read(buffer.subarray(0, length)) },
    })
    this.#socket.on('close', () => {
      throw new Error('Postgres has closed the connection')
    })
    const parameters = Buffer.from(`user\0${username}\0database\0${pathname.slice(1)}\0\0`)
    this.#socket.write(Buffer.concat([int32(parameters.length + 8), int32(3 << 16), parameters]))
    const parse = Buffer.from(`\0${STATEMENT}\0\0\0`)
    this.#socket.write(Buffer.concat([message('P', parse), message('S', Buffer.alloc(0))]))
    // One ReadyForQuery for the connection, and one for the statement.
    this.#waiting.push(() => {}, prepared)
  }

  /** `done` is called with `undefined` when there is no such sku. */
  findStock(sku: string, done: StockDone): void {
    if (!this.#corked) {
      this.#corked = true
      this.#socket.cork()
      setImmediate(() => {
        this.#corked = false
        this.#socket.uncork()
      })
    }
    const text = Buffer.from(sku)
    this.#waiting.push(done)
    // No name of a portal, and none of a statement.
    const bind = [Buffer.from('\0\0'), ONE_TEXT, int32(text.length), text, BINARY_RESULTS]
    this.#socket.write(Buffer.concat([message('B', Buffer.concat(bind)), EXECUTE_AND_SYNC]))
  }

  #read(chunk: Buffer): true {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    while (bytes.length >= 5) {
      const end = 1 + bytes.readInt32BE(1)
      if (end > bytes.length) break
      this.#take(String.fromCharCode(bytes[0] ?? 0), bytes.subarray(5, end))
      bytes = bytes.subarray(end)
    }
    this.#rest = bytes.length === 0 ? bytes : Buffer.from(bytes)
    return true
  }

  #take(type: string, body: Buffer) {
    if (type === 'E') throw new Error(`Postgres: ${body.toString().replaceAll('\0', ' ')}`)
    if (type === 'R' && body.readInt32BE(0) !== 0) throw new Error('Postgres asks for a password')
    // The number of columns and the length of the first come before it.
    if (type === 'D') this.#onHand = body.readInt32BE(6)
    if (type !== 'Z') return
    const done = this.#waiting[this.#answered++]
    const onHand = this.#onHand
    this.#onHand = undefined
    if (this.#answered === this.#waiting.length) {
      this.#waiting = []
      this.#answered = 0
    }
    done?.(onHand)
  }
}

function message(type: string, body: Buffer): Buffer {
  return Buffer.concat([Buffer.from(type), int32(body.length + 4), body])
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}
