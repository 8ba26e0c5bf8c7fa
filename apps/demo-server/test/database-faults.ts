/** What can be wrong with Postgres or on the way to it, how it is made to be, and what becomes of a run. */
import { once } from 'node:events'
import net from 'node:net'
import type { RealPort } from '@overlap/backend'
import { vi } from 'vitest'
import { connect, prepare, type Site } from './database-site.ts'
import type { Ending, Failure } from './endings.ts'
import { findFreePort } from './free-port.ts'
import { openWay, type Manner, type Way } from './way-to-postgres.ts'

/** The fault, set up. The steps are made in this order. */
export interface Injection {
  readonly databaseUrl: string
  /** What is asked for: `A-42`, unless it says otherwise. */
  readonly sku?: string
  /** When every run has had an answer, and its connection is idle. Without it there is no connection yet. */
  readonly whenIdle?: (port: RealPort) => unknown
  /**
   * When the query of every run is being executed. Without it nobody waits for that. What is silent from then on
   * goes on being executed until it is healed.
   */
  readonly whenActive?: () => unknown
  readonly heal: () => unknown
  readonly stop?: () => unknown
}

export interface DatabaseFault {
  /** "A Postgres that …" */
  readonly fault: string
  readonly injected: string
  readonly ends: Ending
  /** Nothing tells that anything is wrong, but that it takes so long. */
  readonly silent?: boolean
  /** `applicationName`: that of the port. */
  readonly inject: (site: Site, applicationName: string) => Promise<Injection>
}

const late: Ending = { error: 'DatabaseError', kind: 'late', code: 'ETIMEDOUT' }
const lost: Ending = { error: 'DatabaseError', kind: 'transient', code: 'ECONNRESET' }

/** The way to Postgres is this bad from the beginning, or once every connection is idle. */
function way(fault: string, injected: string, ends: Ending, manner: Manner, since: 'start' | 'idle') {
  const inject = async ({ url }: Site): Promise<Injection> => {
    const opened = await openWay(url, since === 'start' ? manner : 'carries')
    return {
      databaseUrl: opened.url,
      ...(since === 'idle' && { whenIdle: () => opened.turn(manner) }),
      heal: () => opened.turn('carries'),
      stop: () => opened.stop(),
    }
  }
  return { fault, injected, ends, silent: manner === 'is silent', inject }
}

/** Asks for a product that the made-up view answers with an error. */
function raised(fault: string, code: string, kind: 'transient' | 'permanent'): DatabaseFault {
  return {
    fault,
    injected: `a function that raises ${code}`,
    ends: { error: 'DatabaseError', kind, code },
    inject: async ({ madeUpUrl }) => ({ databaseUrl: madeUpUrl, sku: `E-${code}`, heal: () => {} }),
  }
}

/** A server in the place of Postgres that says one thing, and leads to Postgres when it is healed. */
async function instead({ url }: Site, text: Buffer | string): Promise<Injection> {
  const { port, hostname } = new URL(url)
  let healthy = false
  const sockets = new Set<net.Socket>()
  const server = net.createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    if (healthy) {
      const postgres = net.connect(Number(port), hostname)
      postgres.on('error', () => {})
      socket.pipe(postgres).pipe(socket)
    } else socket.once('data', () => socket.write(text))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const own = new URL(url)
  // A cast, because a server may listen on a pipe too.
  own.port = String((server.address() as net.AddressInfo).port)
  return {
    databaseUrl: own.href,
    heal: () => (healthy = true),
    async stop() {
      server.close()
      for (const socket of sockets) socket.destroy()
      await once(server, 'close')
    },
  }
}

/** As Postgres writes it: https://www.postgresql.org/docs/18/protocol-message-formats.html */
function errorResponse(code: string): Buffer {
  const fields = Buffer.from(`SFATAL\0VFATAL\0C${code}\0Mthe database system is starting up\0\0`)
  const head = Buffer.from('E\0\0\0\0')
  head.writeInt32BE(fields.length + 4, 1)
  return Buffer.concat([head, fields])
}

export const databaseFaults: readonly DatabaseFault[] = [
  {
    fault: 'is down',
    injected: 'no listener on its port',
    ends: { error: 'DatabaseError', kind: 'transient', code: 'ECONNREFUSED' },
    async inject({ url }) {
      const port = await findFreePort()
      const databaseUrl = new URL(url)
      databaseUrl.port = String(port)
      let opened: Way | undefined
      return {
        databaseUrl: databaseUrl.href,
        heal: async () => (opened = await openWay(url, 'carries', port)),
        stop: () => opened?.stop(),
      }
    },
  },
  way('hangs up on everybody', 'FIN at once', lost, 'hangs up', 'start'),
  way('takes the connection and says nothing', 'a way that carries nothing', late, 'is silent', 'start'),
  {
    fault: 'is something else',
    injected: 'an HTTP server',
    ends: late,
    silent: true,
    inject: (site) => instead(site, 'HTTP/1.1 400 Bad Request\r\n\r\n'),
  },
  {
    fault: 'is starting up',
    injected: 'a server that says so',
    ends: { error: 'DatabaseError', kind: 'transient', code: '57P03' },
    inject: (site) => instead(site, errorResponse('57P03')),
  },
  {
    fault: 'rejects the password',
    injected: 'a wrong one, with SCRAM',
    ends: { error: 'DatabaseError', kind: 'permanent', code: '28P01' },
    inject: async ({ urlOf, sql }) => ({
      databaseUrl: urlOf({ role: 'guarded', password: 'wrong' }),
      heal: () => sql("ALTER ROLE guarded PASSWORD 'wrong'"),
    }),
  },
  {
    fault: 'knows no such role',
    injected: 'a role that is not there',
    ends: { error: 'DatabaseError', kind: 'permanent', code: '28000' },
    inject: async ({ urlOf, sql }) => ({
      databaseUrl: urlOf({ role: 'stranger' }),
      heal: () => sql('CREATE ROLE stranger LOGIN'),
    }),
  },
  {
    fault: 'knows no such database',
    injected: 'a database that is not there',
    ends: { error: 'DatabaseError', kind: 'permanent', code: '3D000' },
    async inject({ urlOf, sql }) {
      const databaseUrl = urlOf({ database: 'nowhere' })
      return {
        databaseUrl,
        async heal() {
          await sql('CREATE DATABASE nowhere TEMPLATE template0')
          await prepare(databaseUrl)
        },
      }
    },
  },
  {
    fault: 'has no such table',
    injected: 'a database that nobody has prepared',
    ends: { error: 'DatabaseError', kind: 'permanent', code: '42P01' },
    async inject({ urlOf }) {
      const databaseUrl = urlOf({ database: 'template1' })
      return { databaseUrl, heal: () => prepare(databaseUrl) }
    },
  },
  {
    fault: 'has no connection left',
    injected: 'a role with one, which another holds',
    ends: { error: 'DatabaseError', kind: 'transient', code: '53300' },
    async inject({ urlOf, sql }) {
      const databaseUrl = urlOf({ role: 'crowded' })
      const holder = await connect(databaseUrl)
      return {
        databaseUrl,
        async heal() {
          await sql('ALTER ROLE crowded CONNECTION LIMIT -1')
          await holder.end()
        },
      }
    },
  },
  {
    fault: 'kills idle connections',
    injected: '`pg_terminate_backend` of each',
    ends: 'answers',
    inject: async ({ url, strike }, name) => ({
      databaseUrl: url,
      async whenIdle(port) {
        await strike('terminate', name)
        await vi.waitUntil(() => port.stats().database.open === 0, { timeout: 10_000 })
      },
      heal: () => {},
    }),
  },
  {
    fault: 'kills the connection of a query that runs',
    injected: '`pg_terminate_backend`',
    ends: { error: 'DatabaseError', kind: 'transient', code: '57P01' },
    inject: async ({ url, strike }, name) => ({
      databaseUrl: url,
      whenActive: () => strike('terminate', name),
      heal: () => {},
    }),
  },
  {
    fault: 'has a query cancelled by its administrator',
    injected: '`pg_cancel_backend`',
    ends: { error: 'DatabaseError', kind: 'permanent', code: '57014' },
    inject: async ({ url, strike }, name) => ({
      databaseUrl: url,
      whenActive: () => strike('cancel', name),
      heal: () => {},
    }),
  },
  raised('cannot serialize', '40001', 'transient'),
  raised('finds a deadlock', '40P01', 'transient'),
  raised('has no room on its disk', '53100', 'permanent'),
  {
    fault: 'answers with a count below zero',
    injected: 'a view in the place of the table',
    ends: { error: 'DatabaseError', kind: 'permanent', message: /not a count/ },
    inject: async ({ madeUpUrl }) => ({ databaseUrl: madeUpUrl, sku: 'below', heal: () => {} }),
  },
  {
    fault: 'waits for a lock',
    injected: 'a function that waits for one that another holds',
    ends: late,
    silent: true,
    async inject({ madeUpUrl, sqlOfMadeUp }) {
      await sqlOfMadeUp('SELECT pg_advisory_lock(1)')
      return {
        databaseUrl: madeUpUrl,
        sku: 'locked',
        heal: () => sqlOfMadeUp('SELECT pg_advisory_unlock(1)'),
      }
    },
  },
  {
    fault: 'stands still',
    injected: 'SIGSTOP to each backend',
    ends: late,
    silent: true,
    async inject({ url, active }, name) {
      const stopped: number[] = []
      return {
        databaseUrl: url,
        async whenActive() {
          for (const pid of await active(name)) {
            stopped.push(pid)
            process.kill(pid, 'SIGSTOP')
          }
        },
        heal: () => stopped.forEach((pid) => process.kill(pid, 'SIGCONT')),
      }
    },
  },
  way('is cut off without a word', 'a way that carries nothing any more', late, 'is silent', 'idle'),
  way('is cut off in the middle of its answer', 'half of it, and RST', lost, 'resets', 'idle'),
  way('answers byte by byte', 'a segment for each byte', 'answers', 'slices', 'start'),
]

interface Shutdown {
  /** "A Postgres that …" */
  readonly fault: string
  readonly injected: string
  readonly ends: Failure
  readonly signal: NodeJS.Signals
}

/** These take a Postgres of their own, which is another one afterwards. */
export const shutdowns: readonly Shutdown[] = [
  {
    fault: 'is shut down (fast) and comes back',
    injected: 'SIGINT to the postmaster',
    ends: { error: 'DatabaseError', kind: 'transient', code: ['57P01', 'ECONNRESET'] },
    signal: 'SIGINT',
  },
  {
    fault: 'is shut down (immediate) and comes back',
    injected: 'SIGQUIT to the postmaster',
    ends: { error: 'DatabaseError', kind: 'transient', code: ['57P01', '57P02', 'ECONNRESET'] },
    signal: 'SIGQUIT',
  },
]
