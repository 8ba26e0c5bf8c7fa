/** The connections that a client can follow the feed on: an event stream, or a WebSocket. */
import type { ServerResponse } from 'node:http'
import { type Message, OverflowError } from '@overlap/workload'
import type { WebSocket } from 'ws'
import type { Feed } from './feed.ts'
import type { Follower } from './followers.ts'
import { problemOf } from './problem.ts'
import { ClosingError } from './runs.ts'

export interface Outlet extends Follower {
  send(message: Message, sent: (error?: Error | null) => void): void
  /** Tells why, and closes: it is let go of if it takes too long to take that. */
  end(error: unknown): void
}

/** The client has sent something over its WebSocket, where nothing is read. */
export class UnreadError extends Error {
  override readonly name = 'UnreadError'
}

/** How long a client has to take what it is told last. */
const LAST_MS = 5000
/** Bytes that a close frame has room for. */
const REASON_LENGTH = 123

type FeedParts = Pick<Feed, 'log' | 'followers'>

/** Source: https://html.spec.whatwg.org/multipage/server-sent-events.html */
export class EventStream implements Outlet {
  readonly way = 'events'
  readonly #response: ServerResponse
  readonly #feed: FeedParts
  /** Whether the last beat found that nothing had been taken. */
  #stalled = false

  constructor(response: ServerResponse, feed: FeedParts) {
    this.#response = response
    this.#feed = feed
  }

  /** `position`: where a client goes on that comes back before the first message. */
  begin(position: number): void {
    this.#response.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      vary: 'accept',
      // The end of the stream is the end of the connection, so that closing need not wait for it.
      connection: 'close',
      'x-content-type-options': 'nosniff',
      'x-accel-buffering': 'no',
    })
    this.#response.write(`retry: 2000\nid: ${this.#feed.log.idOf(position)}\n\n`)
  }

  send({ id, channel, text }: Message, sent: (error?: Error | null) => void): void {
    this.#response.write(
      `id: ${this.#feed.log.idOf(id)}\ndata: ${JSON.stringify({ channel, text })}\n\n`,
      sent,
    )
  }

  beat(): void {
    const behind = this.#response.writableLength > 0
    if (!behind) this.#response.write(': still here\n\n')
    else if (this.#stalled) {
      this.#feed.followers.countDropped(this.way)
      this.destroy()
    }
    this.#stalled = behind
  }

  end(error: unknown): void {
    this.#response.end(`event: problem\ndata: ${JSON.stringify(problemOf(error))}\n\n`)
    const timer = setTimeout(() => this.destroy(), LAST_MS).unref()
    this.#response.once('close', () => clearTimeout(timer))
  }

  destroy(): void {
    this.#response.destroy()
  }
}

/** Source: https://www.rfc-editor.org/rfc/rfc6455#section-7.4 and https://www.iana.org/assignments/websocket */
function closeCodeOf(error: unknown): number {
  if (error instanceof ClosingError) return 1001
  if (error instanceof UnreadError) return 1003
  if (error instanceof OverflowError) return 1013
  return 1011
}

export class Socket implements Outlet {
  readonly way = 'websocket'
  readonly #socket: WebSocket
  readonly #feed: FeedParts
  #alive = true

  constructor(socket: WebSocket, feed: FeedParts) {
    this.#socket = socket
    this.#feed = feed
    socket.on('pong', () => {
      this.#alive = true
    })
  }

  send({ id, channel, text }: Message, sent: (error?: Error | null) => void): void {
    this.#socket.send(JSON.stringify({ id: this.#feed.log.idOf(id), channel, text }), sent)
  }

  beat(): void {
    if (!this.#alive) {
      this.#feed.followers.countDropped(this.way)
      return this.destroy()
    }
    this.#alive = false
    this.#socket.ping()
  }

  end(error: unknown): void {
    const reason = error instanceof UnreadError ? 'Nothing is read here.' : problemOf(error).detail
    this.#socket.close(closeCodeOf(error), reason.slice(0, REASON_LENGTH))
    const timer = setTimeout(() => this.destroy(), LAST_MS).unref()
    this.#socket.once('close', () => clearTimeout(timer))
  }

  destroy(): void {
    this.#socket.terminate()
  }
}
