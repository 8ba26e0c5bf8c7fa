/** A Postgres for one test file: a database of its own, in a cluster that has to let us create it. */
import { randomUUID } from 'node:crypto'
import { Client } from 'pg'
import { inject } from 'vitest'

export interface Cluster {
  readonly url: string
  stop(): Promise<void>
}

/** In the cluster behind DATABASE_URL, or in the one that all files share. */
export async function useCluster(): Promise<Cluster> {
  const shared = inject('databaseUrl')
  const name = `overlap_${randomUUID().replaceAll('-', '')}`
  await administer(shared, `CREATE DATABASE ${name}`)
  const url = new URL(shared)
  url.pathname = `/${name}`
  return { url: url.href, stop: () => administer(shared, `DROP DATABASE ${name} WITH (FORCE)`) }
}

async function administer(databaseUrl: string, sql: string) {
  const client = new Client({ connectionString: databaseUrl })
  await client.connect()
  await client.query(sql)
  await client.end()
}
