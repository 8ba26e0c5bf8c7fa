/**
 * Many clients that follow the demo server's feed, as server-sent events, and hear nothing: what one costs, and how long a message to
 * all of them takes. The server is weighed when nobody follows and when all do.
 */
import type { Socket } from 'node:net'
import { type Metrics, startWeighedServer } from '../weighed-server.ts'
import { connectSockets, get, untilReceived } from './sockets.ts'

export interface Following {
  readonly subject: string
  readonly before: Metrics
  readonly during: Metrics
  /** From when a message was sent until all had it, in ms. */
  readonly messageMs: number
}

/** What is made for the first of them is not the price of the others. */
const WARM_UP = 100
const CHANNEL = 'news'

/** @param env Of the demo server. */
export async function measureFollowing(
  subject: string,
  env: Readonly<Record<string, string>>,
  clients: number,
): Promise<Following> {
  const server = await startWeighedServer(env)
  const sockets: Socket[] = []
  async function follow(count: number): Promise<void> {
    const some = await connectSockets(server.url, count)
    sockets.push(...some)
    const question = get(`/api/feed?channels=${CHANNEL}`, { Accept: 'text/event-stream' })
    for (const socket of some) socket.write(question)
    await Promise.all(some.map((socket) => untilReceived(socket, 'HTTP/1.1 200 ')))
  }
  try {
    await follow(WARM_UP)
    for (const socket of sockets.splice(0)) socket.destroy()
    const before = await server.weigh()
    await follow(clients)
    const during = await server.weigh()

    const got = sockets.map((socket) => untilReceived(socket, 'hello'))
    const sentAt = performance.now()
    await fetch(`${server.url}/api/feed/${CHANNEL}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ text: 'hello' }),
    })
    await Promise.all(got)
    return { subject, before, during, messageMs: performance.now() - sentAt }
  } finally {
    for (const socket of sockets) socket.destroy()
    await server.stop()
  }
}
