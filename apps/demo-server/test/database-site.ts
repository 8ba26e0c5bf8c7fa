/** A Postgres in which faults can be set up: each with what it needs to be healed. */
import { randomUUID } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { openPort, startPostgres } from '@overlap/backend'
import { Client } from 'pg'
import { vi } from 'vitest'

const NOWHERE = 'http://127.0.0.1:1'

/**
 * In place of the table, a view: whoever reads `E-40001` meets an error of that SQLSTATE, `below` has a count
 * that is none, and `locked` waits for the advisory lock 1.
 */
const MADE_UP = `
  CREATE SCHEMA overlap;
  CREATE FUNCTION overlap.read(sku text) RETURNS int LANGUAGE plpgsql AS $$
  BEGIN
    IF sku LIKE 'E-%' THEN RAISE EXCEPTION 'made up' USING ERRCODE = substr(sku, 3); END IF;
    IF sku = 'locked' THEN PERFORM pg_advisory_xact_lock_shared(1); END IF;
    RETURN CASE sku WHEN 'below' THEN -1 ELSE 42 END;
  END $$;
  CREATE VIEW overlap.stock AS
    SELECT sku, overlap.read(sku) AS on_hand
    FROM unnest(ARRAY['A-42', 'E-40001', 'E-40P01', 'E-53100', 'below', 'locked']) AS sku`

/** Products whose units cannot be taken: it is refused at once, or with the commit. */
const REFUSALS = `
  INSERT INTO overlap.stock VALUES ('to-be-killed', 10), ('refused', 10), ('refused-at-the-end', 10);
  CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN RAISE EXCEPTION 'made up' USING ERRCODE = TG_ARGV[0]; END $$;
  CREATE TRIGGER refuse BEFORE UPDATE ON overlap.stock
    FOR EACH ROW WHEN (NEW.sku = 'refused') EXECUTE FUNCTION refuse('40P01');
  CREATE CONSTRAINT TRIGGER refuse_at_the_end AFTER UPDATE ON overlap.stock
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.sku = 'refused-at-the-end') EXECUTE FUNCTION refuse('40001')`

export interface Site {
  /** Where everything is as it should be. */
  readonly url: string
  /** Of another database, or of another role. */
  readonly urlOf: (change: { database?: string; role?: string; password?: string }) => string
  readonly madeUpUrl: string
  readonly sql: (text: string) => Promise<unknown>
  readonly onHand: (sku: string) => Promise<unknown>
  /** The same, in the database with the made-up view. */
  readonly sqlOfMadeUp: (text: string) => Promise<unknown>
  /** Calls `pg_terminate_backend` or `pg_cancel_backend` for the connections of a port, and tells how many. */
  readonly strike: (how: 'terminate' | 'cancel', applicationName: string) => Promise<number>
  /** Process ids of its backends that run a query. */
  readonly active: (applicationName: string) => Promise<number[]>
  readonly connections: (applicationName: string) => Promise<number>
  readonly stop: () => Promise<void>
}

export async function openSite(): Promise<Site> {
  const postgres = await startPostgres()
  const { url } = postgres
  await prepare(url)
  const client = await connect(url)
  const query = async (text: string, values: string[] = []) =>
    (await client.query<Record<string, unknown>>(text, values)).rows
  function urlOf({ database, role, password }: Parameters<Site['urlOf']>[0]) {
    const changed = new URL(url)
    if (database !== undefined) changed.pathname = `/${database}`
    if (role !== undefined) changed.username = role
    if (password !== undefined) changed.password = password
    return changed.href
  }
  await query(REFUSALS)
  await query('GRANT USAGE ON SCHEMA overlap TO PUBLIC')
  await query('GRANT SELECT ON overlap.stock TO PUBLIC')
  await query("CREATE ROLE guarded LOGIN PASSWORD 'right'")
  await query('CREATE ROLE crowded LOGIN CONNECTION LIMIT 1')
  await query('CREATE DATABASE made_up')
  await guard(query, urlOf({ role: 'guarded', password: 'wrong' }))
  const madeUpUrl = urlOf({ database: 'made_up' })
  const madeUp = await connect(madeUpUrl)
  await madeUp.query(MADE_UP)
  return {
    url,
    urlOf,
    madeUpUrl,
    sql: (text) => query(text),
    async onHand(sku) {
      return (await query('SELECT on_hand FROM overlap.stock WHERE sku = $1', [sku]))[0]?.['on_hand']
    },
    sqlOfMadeUp: (text) => madeUp.query(text),
    async strike(how, name) {
      const rows = await query(
        `SELECT pg_${how}_backend(pid) FROM pg_stat_activity WHERE application_name = $1`,
        [name],
      )
      return rows.length
    },
    async active(name) {
      const rows = await query(
        `SELECT pid FROM pg_stat_activity WHERE application_name = $1 AND state = 'active'`,
        [name],
      )
      return rows.map(({ pid }) => Number(pid))
    },
    async connections(name) {
      return (await query('SELECT pid FROM pg_stat_activity WHERE application_name = $1', [name])).length
    },
    async stop() {
      await Promise.all([client.end(), madeUp.end()])
      await postgres.stop()
    },
  }
}

/** A name that Postgres knows a port by. */
export const newName = () => `overlap-faults-${randomUUID()}`

/** Creates the table that a port expects. */
export async function prepare(databaseUrl: string): Promise<void> {
  const port = openPort({ databaseUrl, upstreamUrls: [NOWHERE], poolMax: 1 })
  await port.prepare()
  await port.close()
}

export async function connect(databaseUrl: string): Promise<Client> {
  const client = new Client({ connectionString: databaseUrl, application_name: 'overlap-faults' })
  client.on('error', () => {})
  await client.connect()
  return client
}

/** Has the role `guarded` show its password, as no other here has to. */
async function guard(query: (text: string) => Promise<readonly Record<string, unknown>[]>, wrongUrl: string) {
  const [row] = await query('SHOW hba_file')
  const file = String(row?.['hba_file'])
  const rules = await readFile(file, 'utf8')
  await writeFile(file, `host all guarded 127.0.0.1/32 scram-sha-256\n${rules}`)
  await query('SELECT pg_reload_conf()')
  const isRefused = async () => {
    try {
      await (await connect(wrongUrl)).end()
      return false
    } catch {
      return true
    }
  }
  await vi.waitUntil(isRefused, { timeout: 10_000 })
}
