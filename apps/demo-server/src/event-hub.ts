/**
 * Sends what happens to whoever listens, as server-sent events.
 *
 * Nobody listens most of the time, so `listening` is all that a publisher looks at. Frames of one turn of
 * the event loop leave in one write. A listener that is more than 1 MiB behind is dropped: the server
 * does not remember for it, and it may come back. There is no replay, so `Last-Event-ID` is not read.
 *
 * Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
import type { ServerResponse } from 'node:http'

/** At the same time. */
export const LISTENERS = 100

const BEHIND_BYTES = 1024 * 1024
const HEARTBEAT_MS = 15_000

export class EventHub {
  readonly #listeners = new Set<ServerResponse>()
  #heartbeat: NodeJS.Timeout | undefined
  #lastId = 0
  #frames = ''

  get listening(): boolean {
    return this.#listeners.size > 0
  }

  get full(): boolean {
    return this.#listeners.size >= LISTENERS
  }

  /** Takes over `response`, whose head is not written yet. */
  listen(response: ServerResponse): void {
    // Before the head, so that whoever has received it hears of all that is published from then on.
    this.#listeners.add(response)
    response.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      // The end of the stream is the end of the connection, so that closing need not wait for it.
      connection: 'close',
      'x-content-type-options': 'nosniff',
      'x-accel-buffering': 'no',
    })
    response.write('retry: 2000\n\n')
    response.once('close', () => this.#forget(response))
    // What is written between a break and its `close` goes nowhere, and that is no defect.
    response.on('error', () => {})
    // A beat keeps proxies from closing a stream where nothing happens, and finds listeners that are gone.
    this.#heartbeat ??= setInterval(() => this.#write(': still here\n\n'), HEARTBEAT_MS).unref()
  }

  /** `data` must be JSON-serializable. Ask `listening` first: then nothing is built for nobody. */
  publish(event: string, data: unknown): void {
    if (this.#frames === '') setImmediate(() => this.#flush())
    this.#frames += `id: ${++this.#lastId}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`
  }

  end(): void {
    this.#flush()
    for (const listener of this.#listeners) listener.end()
  }

  #flush() {
    const frames = this.#frames
    this.#frames = ''
    if (frames !== '') this.#write(frames)
  }

  #write(text: string) {
    for (const listener of this.#listeners) {
      if (listener.writableLength > BEHIND_BYTES) listener.destroy()
      else listener.write(text)
    }
  }

  #forget(listener: ServerResponse) {
    this.#listeners.delete(listener)
    if (this.#listeners.size > 0) return
    clearInterval(this.#heartbeat)
    this.#heartbeat = undefined
  }
}
