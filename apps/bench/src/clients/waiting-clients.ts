/**
 * Many clients at once, each of whom waits for one `combine`: what one costs while it waits, and how long it takes until all
 * are answered.
 *
 * The server and the service are processes of their own; this process is the clients. First the service holds
 * its answers back until all wait for them, and the server is weighed. Then it answers, and all of them ask once more, for what
 * takes 300 ms. Then they leave, and the server is weighed again.
 */
import type { Socket } from 'node:net'
import { once } from 'node:events'
import { type Child, startChild } from '../child.ts'
import { connectSockets, get, readFileLimit, untilReceived } from './sockets.ts'

/** Of the server's process, in bytes; `clients`: how many waited. */
export interface Weight {
  readonly heap: number
  readonly external: number
  readonly rss: number
  readonly clients: number
}

export interface Waiting {
  readonly subject: string
  /** When nobody is there, when all wait, and when all have left. */
  readonly before: Weight
  readonly during: Weight
  readonly after: Weight
  /** From the first question until all of them waited for the service, in ms. */
  readonly askedMs: number
  /** From the first question to each client's answer, in ms, of what takes 300 ms. The subject "nothing" asks nobody. */
  readonly answeredMs?: Answered
}

interface Answered {
  readonly p50: number
  readonly p99: number
  readonly last: number
}

export const NOTHING = 'nothing'
export const ANSWER_MS = 300
/** What they ask for when the answers are held back: as long as can be asked for. */
const HELD_MS = 10_000
/** What is made for the first of them is not the price of the others. */
const WARM_UP = 300
/** Of the server, besides a client's two: to Postgres, and to the machine. */
const OTHER_FILES = 300

/** As many as are wanted, or as many as the server may have files for: two each. */
export function countClients(wanted: number): number {
  return Math.min(wanted, Math.floor((readFileLimit() - OTHER_FILES) / 2))
}

/** @param runs What the server's process is to be. */
export async function measureWaiting(
  subject: string,
  runs: string,
  databaseUrl: string,
  clients: number,
): Promise<Waiting> {
  const children: Child[] = []
  let sockets: Socket[] = []
  try {
    // Of its own, so that no two subjects share what the system keeps of closed sockets.
    const service = startChild(new URL('holding-service.main.ts', import.meta.url), {})
    children.push(service)
    const server = startChild(
      new URL('waiting-server.main.ts', import.meta.url),
      { SUBJECT: runs, DATABASE_URL: databaseUrl, UPSTREAM_URL: await service.next() },
      ['--expose-gc'],
    )
    children.push(server)
    const url = await server.next<string>()

    sockets = await connectSockets(url, WARM_UP)
    await askAll(sockets, 1)
    await leave(sockets)
    const before = await weigh(server, 0)

    sockets = await connectSockets(url, clients)
    const beganAt = performance.now()
    let heldBack: Promise<unknown> = Promise.resolve()
    if (runs === NOTHING) for (const socket of sockets) socket.write(get(`/${HELD_MS}`))
    else {
      const held = service.ask(`hold ${clients}`)
      heldBack = askAll(sockets, HELD_MS)
      await Promise.race([held, heldBack])
    }
    const askedMs = performance.now() - beganAt
    const during = await weigh(server, clients)
    let answeredMs: Answered | undefined
    if (runs !== NOTHING) {
      service.send('release')
      await heldBack
      answeredMs = await askAll(sockets, ANSWER_MS)
    }
    await leave(sockets)
    // Its sockets are no client's any more.
    await service.stop()
    const after = await weigh(server, 0)
    return { subject, before, during, after, askedMs, ...(answeredMs && { answeredMs }) }
  } finally {
    for (const socket of sockets) socket.destroy()
    await Promise.all(children.map((child) => child.stop()))
  }
}

async function weigh(child: Child, clients: number): Promise<Weight> {
  const weight = await child.ask<Weight>(String(clients))
  if (weight.clients !== clients)
    throw new Error(`expected ${clients} clients to wait, but ${weight.clients} did`)
  return weight
}

/** All at once. Rejects when one is closed, and not answered with 200. */
async function askAll(sockets: readonly Socket[], httpMs: number): Promise<Answered> {
  const began = performance.now()
  const times = await Promise.all(
    sockets.map(async (socket) => {
      socket.write(get(`/${httpMs}`))
      await untilReceived(socket, 'HTTP/1.1 200 ')
      return performance.now() - began
    }),
  )
  const sorted = times.toSorted((a, b) => a - b)
  const at = (share: number) => sorted[Math.ceil(share * sorted.length) - 1] ?? NaN
  return { p50: at(0.5), p99: at(0.99), last: at(1) }
}

async function leave(sockets: readonly Socket[]): Promise<void> {
  const closed = sockets.map((socket) => once(socket, 'close'))
  for (const socket of sockets) socket.destroy()
  await Promise.all(closed)
}
