/**
 * What most people write for the two calls of `combine`, and write well: `pg.Pool`, the built-in `fetch`,
 * `Promise.all`, and an `AbortController` for whoever leaves. `fetch` hears of the signal; `pg` has no way to.
 */
import { type Availability, type Reservation, toAvailability } from '@overlap/workload'
import { Pool } from 'pg'

interface Plain {
  /** `dbMs`, `httpMs`: how long the answers are made to take. */
  combine(
    delays: { readonly dbMs: number; readonly httpMs: number },
    signal: AbortSignal,
  ): Promise<Availability>
  /** Whether no query runs or waits. */
  readonly isIdle: boolean
}

export function openPlain(databaseUrl: string, upstreamUrl: string, poolMax: number): Plain {
  const pool = new Pool({ connectionString: databaseUrl, max: poolMax })
  // An idle connection that breaks must not end the process.
  pool.on('error', () => {})
  return {
    async combine({ dbMs, httpMs }, signal) {
      const [{ rows }, reservation] = await Promise.all([
        dbMs === 0
          ? pool.query<Row>('SELECT on_hand FROM overlap.stock WHERE sku = $1', ['A-42'])
          : pool.query<Row>('SELECT on_hand, pg_sleep($2) FROM overlap.stock WHERE sku = $1', [
              'A-42',
              dbMs / 1000,
            ]),
        fetchReservation(`${upstreamUrl}/reservations/A-42?delayMs=${httpMs}`, signal),
      ])
      const [row] = rows
      if (!row) throw new Error('there is no such product')
      return toAvailability({ sku: 'A-42', onHand: row.on_hand }, reservation)
    },
    get isIdle() {
      return pool.waitingCount === 0 && pool.idleCount === pool.totalCount
    },
  }
}

interface Row {
  readonly on_hand: number
}

async function fetchReservation(url: string, signal: AbortSignal): Promise<Reservation> {
  const response = await fetch(url, { signal })
  if (!response.ok) throw new Error(`the service answered with ${response.status}`)
  // A cast: it is our service.
  return (await response.json()) as Reservation
}
