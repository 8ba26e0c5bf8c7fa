/**
 * Looks into Postgres from outside of the port, to see what really runs there: a promise that was
 * rejected says nothing about the query.
 */
import { PgClient } from './pg-client.ts'

export interface PostgresWatch {
  /** Queries that the server is executing for connections with that application name. */
  running(): Promise<number>
  close(): Promise<void>
}

/** On a connection of its own, with a name of its own. */
export async function watchPostgres(databaseUrl: string, applicationName: string): Promise<PostgresWatch> {
  const client = new PgClient(databaseUrl, 'overlap-watch')
  // A connection that breaks while nobody asks must not end the process: who asks next is told.
  client.on('error', () => {})
  await client.connect()
  return {
    async running() {
      const { rows } = await client.query<{ n: number }>(
        `SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name = $1 AND state = 'active'`,
        [applicationName],
      )
      return rows[0]?.n ?? 0
    },
    close: () => client.end(),
  }
}
