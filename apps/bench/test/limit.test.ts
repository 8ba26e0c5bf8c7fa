/** The exhibit of the limit is written for speed, and must be right all the same. */
import { once } from 'node:events'
import net from 'node:net'
import { forkReservationService, openPort, startPostgres } from '@overlap/backend'
import { expect, onTestFinished, test } from 'vitest'
import { HttpAnswers } from '../src/server/subjects/http-answers.ts'
import { startServer } from '../src/server/subjects/start.ts'

test('requests are answered in their order, wherever a chunk ends and however many are in one', async () => {
  const postgres = await startPostgres()
  onTestFinished(() => postgres.stop())
  const service = await forkReservationService()
  onTestFinished(() => service.stop())
  const where = { databaseUrl: postgres.url, upstreamUrls: [service.url] }
  const port = openPort({ ...where, poolMax: 1 })
  await port.prepare()
  await port.close()
  const server = await startServer('limit', {
    ...process.env,
    DATABASE_URL: postgres.url,
    UPSTREAM_URL: service.url,
    POOL_MAX: '3',
  })
  onTestFinished(() => server.stop())

  const skus = ['A-42', 'A-1', 'B-0', 'A-20', 'A-7', 'A-42', 'A-2']
  const requests = Buffer.from(
    skus.map((sku) => `GET /api/run/combine?dbMs=0&sku=${sku} HTTP/1.1\r\nhost: here\r\n\r\n`).join(''),
  )
  const { hostname, port: number } = new URL(server.url)
  const socket = net.connect(Number(number), hostname).setNoDelay()
  onTestFinished(() => void socket.destroy())
  const bodies: string[] = []
  let expected = 0
  let complete: (() => void) | undefined
  const answers = new HttpAnswers((status, body) => {
    bodies.push(`${status} ${body.toString()}`)
    if (bodies.length === expected) complete?.()
  })
  socket.on('data', (chunk) => answers.read(chunk))
  await once(socket, 'connect')
  for (const cut of [0, 1, 40, 80, 300]) {
    expected += skus.length
    const all = new Promise<void>((resolve) => (complete = resolve))
    socket.write(requests.subarray(0, cut))
    // So that it is a chunk of its own.
    await new Promise((resolve) => setTimeout(resolve, 20))
    socket.write(requests.subarray(cut))
    await all
  }
  const onHand = { 'A-42': 42, 'B-0': 0 } as Readonly<Record<string, number>>
  const inOrder = skus.map((sku) => {
    const count = onHand[sku] ?? Number(sku.slice(2))
    const reserved = sku === 'A-42' ? 2 : 0
    const result = { sku, onHand: count, reserved, available: count - reserved }
    return `200 ${JSON.stringify({ scenario: 'combine', style: 'limit', result })}`
  })
  expect(bodies).toEqual(Array.from({ length: 5 }, () => inOrder).flat())
}, 30_000)
