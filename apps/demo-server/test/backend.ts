/** The real thing: Postgres, the reservation service with its ledger, and what Postgres says it is doing. */
import { openPort, startReservationService } from '@overlap/backend'
import { Client } from 'pg'
import { startFaults } from '../src/faults.ts'
import { createDatabase } from './database.ts'

const APPLICATION = 'overlap-demo-server-test'

export async function startBackend(poolMax: number, { withFaults = false } = {}) {
  const [database, service] = await Promise.all([createDatabase(), startReservationService({ replicas: 3 })])
  const direct = { databaseUrl: database.url, upstreamUrls: service.urls }
  const faults = withFaults ? await startFaults(direct) : undefined
  const port = openPort({
    databaseUrl: (faults ?? direct).databaseUrl,
    upstreamUrls: (faults ?? direct).upstreamUrls,
    poolMax,
    applicationName: APPLICATION,
  })
  await port.prepare()
  const spectator = new Client({ connectionString: database.url })
  await spectator.connect()
  return {
    port,
    faults: faults?.proxies,
    /** Of Postgres, and of the reservation service. */
    urls: [database.url, service.url] as const,
    ledger: service.ledger,
    /** How many queries of the port Postgres is running now. */
    async activeQueries(): Promise<number> {
      const { rows } = await spectator.query<{ count: number }>(
        `SELECT count(*)::int AS count FROM pg_stat_activity WHERE datname = current_database() AND application_name = $1 AND state = 'active'`,
        [APPLICATION],
      )
      return rows[0]?.count ?? 0
    },
    /** Ends the connection that listens to channels. */
    async cutChannels(): Promise<void> {
      await spectator.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND application_name = $1 AND query LIKE '%LISTEN%'`,
        [APPLICATION],
      )
    },
    async setStock(sku: string, onHand: number): Promise<void> {
      await spectator.query('UPDATE overlap.stock SET on_hand = $2 WHERE sku = $1', [sku, onHand])
    },
    async stockOf(sku: string): Promise<number> {
      const { rows } = await spectator.query<{ on_hand: number }>(
        'SELECT on_hand FROM overlap.stock WHERE sku = $1',
        [sku],
      )
      return rows[0]?.on_hand ?? NaN
    },
    async stop() {
      await spectator.end()
      await port.close()
      await faults?.stop()
      await Promise.all([service.stop(), database.drop()])
    },
  }
}
