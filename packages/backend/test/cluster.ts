/**
 * A Postgres for one test file: a database of its own in the one behind DATABASE_URL, which has to let
 * us create it, or else a cluster of its own.
 */
import { randomUUID } from 'node:crypto'
import { Client } from 'pg'
import { startPostgres } from '../src/index.ts'

export interface Cluster {
  readonly url: string
  stop(): Promise<void>
}

export async function useCluster(): Promise<Cluster> {
  const given = process.env['DATABASE_URL']
  if (!given) return await startPostgres()
  const name = `overlap_${randomUUID().replaceAll('-', '')}`
  await administer(given, `CREATE DATABASE ${name}`)
  const url = new URL(given)
  url.pathname = `/${name}`
  return { url: url.href, stop: () => administer(given, `DROP DATABASE ${name} WITH (FORCE)`) }
}

async function administer(databaseUrl: string, sql: string) {
  const client = new Client({ connectionString: databaseUrl })
  await client.connect()
  await client.query(sql)
  await client.end()
}
