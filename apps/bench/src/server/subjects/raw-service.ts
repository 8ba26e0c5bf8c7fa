/**
 * One connection to the reservation service. Like that to Postgres, it asks before it has been answered: what is asked for in
 * one turn of the event loop goes out with one write. What breaks it is thrown, and so ends the process.
 */
import net from 'node:net'
import { HttpAnswers } from './http-answers.ts'

/** The service closes what has been idle for 5 s, so no request is sent over what soon will have been. */
const IDLE_MS = 4000

export class RawService {
  readonly #url: URL
  #socket: net.Socket | undefined
  #usedAt = -Infinity
  #waiting: ((reserved: number) => void)[] = []
  #answered = 0
  #out = ''

  constructor(url: string) {
    this.#url = new URL(url)
  }

  fetchReservation(sku: string, done: (reserved: number) => void): void {
    if (this.#out === '') setImmediate(() => this.#send())
    this.#out += `GET /reservations/${encodeURIComponent(sku)} HTTP/1.1\r\nhost: ${this.#url.host}\r\n\r\n`
    this.#waiting.push(done)
  }

  #send() {
    const now = performance.now()
    const isIdle = this.#usedAt < now - IDLE_MS
    this.#usedAt = now
    if (isIdle) {
      this.#socket?.destroy()
      this.#socket = this.#connect()
    }
    this.#socket?.write(this.#out, 'latin1')
    this.#out = ''
  }

  #connect(): net.Socket {
    const answers = new HttpAnswers((status, body) => this.#take(status, body))
    const buffer = Buffer.allocUnsafe(64 * 1024)
    const callback = (length: number) => {
      answers.read(buffer.subarray(0, length))
      return true
    }
    const { hostname, port } = this.#url
    const socket = net.connect({
      host: hostname,
      port: Number(port),
      noDelay: true,
      onread: { buffer, callback },
    })
    return socket.on('close', () => {
      if (this.#socket === socket && this.#waiting.length > 0)
        throw new Error('the reservation service has closed the connection')
    })
  }

  #take(status: number, body: Buffer) {
    if (status !== 200) throw new Error(`the reservation service answered with ${status}`)
    this.#usedAt = performance.now()
    // A cast: nothing is looked at that is not needed.
    const { reserved } = JSON.parse(body.toString()) as { reserved: number }
    const done = this.#waiting[this.#answered++]
    if (this.#answered === this.#waiting.length) {
      this.#waiting = []
      this.#answered = 0
    }
    done?.(reserved)
  }
}
