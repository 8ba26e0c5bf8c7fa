/**
 * What most people write: Fastify, a pool of `pg`, the built-in `fetch` and `Promise.all`, as in a tutorial that is
 * written well. It answers the same bytes, and stops nothing: a client that leaves, or an error, leaves the other call running.
 */
import fastify from 'fastify'
import { Pool } from 'pg'
import { IDLE_MS, keepAliveHeaders } from './keep-alive.ts'

const { DATABASE_URL = '', UPSTREAM_URL = '', POOL_MAX = '20' } = process.env
const pool = new Pool({ connectionString: DATABASE_URL, max: Number(POOL_MAX) })
const app = fastify({ keepAliveTimeout: IDLE_MS })

app.get<{ Querystring: { sku: string } }>('/api/run/combine', async (request, reply) => {
  const startedAt = performance.now()
  const { sku } = request.query
  const [stock, reservation] = await Promise.all([findStock(sku), fetchReservation(sku)])
  const { on_hand: onHand } = stock
  const { reserved } = reservation
  const ms = Math.round((performance.now() - startedAt) * 10) / 10
  reply.headers({
    'x-content-type-options': 'nosniff',
    'server-timing': `total;dur=${ms}`,
    ...keepAliveHeaders,
  })
  const result = { sku, onHand, reserved, available: onHand - reserved }
  return { scenario: 'combine', style: 'most people', result }
})

async function findStock(sku: string) {
  const { rows } = await pool.query<{ sku: string; on_hand: number }>(
    'SELECT sku, on_hand FROM overlap.stock WHERE sku = $1',
    [sku],
  )
  const [stock] = rows
  if (!stock) throw new Error(`unknown sku ${sku}`)
  return stock
}

async function fetchReservation(sku: string) {
  const response = await fetch(`${UPSTREAM_URL}/reservations/${encodeURIComponent(sku)}`)
  if (!response.ok) throw new Error(`the reservation service answered with ${response.status}`)
  return (await response.json()) as { sku: string; reserved: number }
}

process.send?.({ url: await app.listen({ host: '127.0.0.1', port: 0 }) })
