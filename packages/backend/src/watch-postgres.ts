/**
 * Looks into Postgres from outside of the port, to see what really runs and stands there: a promise that
 * was rejected says nothing about the query.
 */
import type { Sku, Stock } from '@overlap/workload'
import { PgClient } from './pg-client.ts'

export interface PostgresWatch {
  /** Connections with that application name. */
  connections(): Promise<number>
  /** Queries that the server is executing for these connections. */
  running(): Promise<number>
  /** Transactions of these connections that are open while nothing of them is executed. */
  idleInTransaction(): Promise<number>
  /** Puts a product into the stock, or as many units of it as there are to be. */
  put(stock: Stock): Promise<void>
  remove(sku: Sku): Promise<void>
  /** Ends the connections that listen to channels, as a server that is shut down would. */
  cutListeners(): Promise<void>
  close(): Promise<void>
}

/** On a connection of its own, with a name of its own. */
export async function watchPostgres(databaseUrl: string, applicationName: string): Promise<PostgresWatch> {
  const client = new PgClient(databaseUrl, 'overlap-watch')
  // A connection that breaks while nobody asks must not end the process: who asks next is told.
  client.on('error', () => {})
  await client.connect()
  async function count(states: readonly string[] | null): Promise<number> {
    const { rows } = await client.query<{ n: number }>(
      `SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name = $1 AND ($2::text[] IS NULL OR state = ANY($2))`,
      [applicationName, states],
    )
    return rows[0]?.n ?? 0
  }
  return {
    connections: () => count(null),
    running: () => count(['active']),
    idleInTransaction: () => count(['idle in transaction', 'idle in transaction (aborted)']),
    async put({ sku, onHand }) {
      await client.query(
        `INSERT INTO overlap.stock (sku, on_hand) VALUES ($1, $2)
         ON CONFLICT (sku) DO UPDATE SET on_hand = EXCLUDED.on_hand`,
        [sku, onHand],
      )
    },
    async remove(sku) {
      await client.query('DELETE FROM overlap.stock WHERE sku = $1', [sku])
    },
    async cutListeners() {
      await client.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE application_name = $1 AND query LIKE '%LISTEN%'`,
        [applicationName],
      )
    },
    close: () => client.end(),
  }
}
