/** A database of one's own, in the Postgres that all files share. */
import { randomUUID } from 'node:crypto'
import { Client } from 'pg'
import { inject } from 'vitest'

export interface Database {
  readonly url: string
  /** Whoever is still connected is cut off. */
  drop(): Promise<void>
}

export async function createDatabase(): Promise<Database> {
  const name = `overlap_${randomUUID().replaceAll('-', '')}`
  await administer(`CREATE DATABASE ${name}`)
  const url = new URL(inject('postgres'))
  url.pathname = `/${name}`
  return { url: url.href, drop: () => administer(`DROP DATABASE ${name} WITH (FORCE)`) }
}

async function administer(sql: string): Promise<void> {
  const client = new Client({ connectionString: inject('postgres') })
  await client.connect()
  await client.query(sql)
  await client.end()
}
