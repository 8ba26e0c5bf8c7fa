import type { DatabaseError } from '@overlap/workload'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { PgClient } from '../src/pg-client.ts'
import { StandingConnection } from '../src/standing-connection.ts'
import { useCluster, type Cluster } from './cluster.ts'
import { eventually } from './eventually.ts'

let cluster: Cluster

beforeAll(async () => void (cluster = await useCluster()))
afterAll(() => cluster.stop())

/** Whoever has these commands to be carried out, and needs the connection until they have been. */
function open(...commands: string[]) {
  const told: string[] = []
  const connection = new StandingConnection(() => new PgClient(cluster.url, 'standing.test'), {
    get needsConnection() {
      return commands.length > 0
    },
    nextCommand: () => commands[0] ?? null,
    carriedOut: () => void told.push(`carried out ${commands.shift()}`),
    refused(error: DatabaseError) {
      told.push(`refused ${commands.shift()}: ${error.code}`)
    },
    lost: () => void told.push('lost'),
    notified: () => {},
  })
  return { connection, told }
}

test('a command that is refused costs the connection, and the next one has another', async () => {
  const { connection, told } = open('SELECT 1', 'LISTEM a', 'SELECT 2')
  connection.wake()
  await eventually('all have been asked for', () => told.length === 4)
  expect(told).toEqual(['carried out SELECT 1', 'refused LISTEM a: 42601', 'lost', 'carried out SELECT 2'])
  await connection.close()
  expect(told.at(-1)).toBe('lost')
  expect(connection.open).toBe(0)
})

test('commands are carried out one at a time, in their order', async () => {
  const commands = Array.from({ length: 50 }, (_, n) => `SELECT ${n}`)
  const { connection, told } = open(...commands)
  for (const _ of commands) connection.wake()
  await eventually('all are carried out', () => told.length === 50)
  expect(told).toEqual(commands.map((command) => `carried out ${command}`))
  await connection.close()
})
