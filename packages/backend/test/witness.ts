/** Looks into Postgres from outside of the port: what its connections are doing, by application name. */
import { Client } from 'pg'

export interface Witness {
  /** Queries that are being executed. */
  running(): Promise<number>
  connections(): Promise<number>
  /** Transactions that are open, while nothing is executed in them. */
  idleInTransaction(): Promise<number>
  /** Sleeps of `takeStock`, or waits for a lock. */
  waiting(event: 'PgSleep' | 'Lock'): Promise<number>
  /** Process ids of the backends, those that run a query first. */
  backends(): Promise<number[]>
  /** What each connection has run last, or runs. */
  queries(): Promise<string[]>
  /** Kills the backends of the connections, and tells how many. */
  terminate(): Promise<number>
  sql(text: string): Promise<void>
  onHand(sku: string): Promise<number>
  leave(): Promise<void>
}

export async function watch(databaseUrl: string, applicationName: string): Promise<Witness> {
  const client = new Client({ connectionString: databaseUrl, application_name: 'witness' })
  client.on('error', () => {})
  await client.connect()
  async function count(expression: string, where: string): Promise<number> {
    const { rows } = await client.query<{ n: number }>(
      `SELECT count(${expression})::int AS n FROM pg_stat_activity WHERE application_name = $1 AND ${where}`,
      [applicationName],
    )
    return rows[0]?.n ?? 0
  }
  return {
    running: () => count('*', "state = 'active'"),
    connections: () => count('*', 'true'),
    idleInTransaction: () => count('*', "state LIKE 'idle in transaction%'"),
    waiting: (event) => count('*', `'${event}' IN (wait_event, wait_event_type)`),
    terminate: () => count('pg_terminate_backend(pid) OR NULL', 'true'),
    async backends() {
      const { rows } = await client.query<{ pid: number }>(
        "SELECT pid FROM pg_stat_activity WHERE application_name = $1 ORDER BY state <> 'active'",
        [applicationName],
      )
      return rows.map(({ pid }) => pid)
    },
    async queries() {
      const { rows } = await client.query<{ query: string }>(
        'SELECT query FROM pg_stat_activity WHERE application_name = $1',
        [applicationName],
      )
      return rows.map(({ query }) => query)
    },
    async sql(text) {
      await client.query(text)
    },
    async onHand(sku) {
      const { rows } = await client.query<{ on_hand: number }>(
        'SELECT on_hand FROM overlap.stock WHERE sku = $1',
        [sku],
      )
      return rows[0]?.on_hand ?? NaN
    },
    leave: () => client.end(),
  }
}
