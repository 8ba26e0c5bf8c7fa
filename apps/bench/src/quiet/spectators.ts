/**
 * Sees from outside when an aborted run has ended: a client cannot know when its query is gone.
 *
 * Postgres is asked, and in such a way that it tells by itself: a query that reads a table holds a lock on it to its end, and a
 * spectator waits for the lock that shuts all others out. The service runs in this process, so that the closing of its sockets
 * is seen here.
 *
 * Source: https://www.postgresql.org/docs/18/explicit-locking.html#LOCKING-TABLES
 */
import diagnostics from 'node:diagnostics_channel'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { Client } from 'pg'
import type { Child } from '../child.ts'
import { type Aborted, sharedNow } from './shared-clock.ts'

const PATIENCE_MS = 10_000

/** What came of one abort. Durations are in ms, from the abort on. */
export interface AbortTimes {
  /** Until the caller was told. */
  readonly caller: number
  /** Until Postgres did not execute the query any more. */
  readonly query: number
  /** Until the request was over at the service: its socket closed, or its answer sent. */
  readonly request: number
  /** Whether its answer was sent. */
  readonly answered: boolean
  /** How much of the answers' time was left. */
  readonly left: number
}

export interface Spectators {
  /** How long each question took that had nothing to wait for. */
  readonly asking: readonly number[]
  readonly timeAbort: (child: Child, answerMs: number) => Promise<AbortTimes>
  leave(): Promise<void>
}

/** One waits for the lock; the other looks who runs and who waits. */
export async function connectSpectators(databaseUrl: string): Promise<Spectators> {
  const waiter = new Client(databaseUrl)
  const looker = new Client(databaseUrl)
  const clients = [waiter, looker]
  for (const client of clients) {
    client.on('error', () => {})
    await client.connect()
  }
  const asking: number[] = []

  async function untilPostgresSays(what: string): Promise<void> {
    const text = `SELECT 1 FROM pg_stat_activity WHERE ${what}`
    const deadline = performance.now() + PATIENCE_MS
    while ((await looker.query(text)).rows.length === 0)
      if (performance.now() > deadline) throw new Error(`Postgres never said that ${what}`)
  }
  /** Resolves with when nobody used the table, who had not begun after this was asked. */
  async function whenUnused(): Promise<number> {
    await waiter.query('BEGIN; LOCK TABLE overlap.stock IN ACCESS EXCLUSIVE MODE; COMMIT')
    return sharedNow()
  }

  return {
    asking,
    async timeAbort(child, answerMs) {
      const askedAt = sharedNow()
      asking.push((await whenUnused()) - askedAt)

      const startedAt = sharedNow()
      const request = nextRequest()
      child.send('start')
      const over = (await request).over
      await untilPostgresSays("state = 'active' AND wait_event = 'PgSleep'")
      const queryGone = whenUnused()
      await untilPostgresSays("wait_event_type = 'Lock'")

      const { abortedAt, toldAt, failed } = await child.ask<Aborted>('abort')
      if (!failed) throw new Error('a run has succeeded that was aborted')
      const { at, answered } = await over
      return {
        caller: toldAt - abortedAt,
        query: (await queryGone) - abortedAt,
        request: at - abortedAt,
        answered,
        left: answerMs - (abortedAt - startedAt),
      }
    },
    leave: async () => void (await Promise.all(clients.map((client) => client.end()))),
  }
}

/** When a request was over, and whether its answer was sent: else its socket was closed. */
interface Over {
  readonly at: number
  readonly answered: boolean
}

/** The next one that this process's server gets. */
function nextRequest(): Promise<{ readonly over: Promise<Over> }> {
  const channel = 'http.server.request.start'
  return new Promise((resolve) => {
    function come(message: unknown) {
      diagnostics.unsubscribe(channel, come)
      // A cast: the channel's messages are said in Node's documentation.
      const { response } = message as { readonly response: ServerResponse }
      const over = once(response, 'close').then(() => ({
        at: sharedNow(),
        answered: response.writableFinished,
      }))
      resolve({ over })
    }
    diagnostics.subscribe(channel, come)
  })
}
