/**
 * A server that does what a server must not do: while it waits for Postgres, its event loop stands still. It is a process
 * of its own, started by `forkServant` with the URLs of Postgres and of the reservation service, and says where it
 * listens.
 *
 * `GET /blocking` is that; `GET /asynchronous` is the same query as everybody else makes it.
 */
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { MessageChannel, Worker, receiveMessageOnPort } from 'node:worker_threads'
import { openPort } from '@overlap/backend'
import type { Stock } from '@overlap/workload'

process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})
process.on('disconnect', () => process.exit())

const SKU = 'A-42'
const QUERY_MS = 300
/** One for each of ten at a time. */
const CONNECTIONS = 10

const [databaseUrl = '', upstreamUrl = ''] = process.argv.slice(2)
const backend = openPort({
  databaseUrl,
  upstreamUrls: [upstreamUrl],
  poolMax: CONNECTIONS,
  applicationName: 'overlap-experiment',
})
const port = backend.forRun({ dbMs: QUERY_MS, httpMs: 0 })

const { port1: near, port2: far } = new MessageChannel()
/** 1: the worker has answered. */
const answered = new Int32Array(new SharedArrayBuffer(4))
const worker = new Worker(new URL('./blocking-query.main.ts', import.meta.url), {
  workerData: { databaseUrl, upstreamUrl, dbMs: QUERY_MS, answered, far },
  transferList: [far],
})
worker.on('error', (error) => fail(error.message))

/** What the worker answers. */
interface Answer {
  readonly stock?: Stock
  readonly error?: string
}

function findStockBlocking(sku: string): Answer {
  Atomics.store(answered, 0, 0)
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- only windows have origins
  near.postMessage(sku)
  Atomics.wait(answered, 0, 0)
  // A cast: it is what the worker has sent.
  return receiveMessageOnPort(near)?.message as Answer
}

const server = http.createServer((request, response) => {
  const answer = (body: object, status = 200) => {
    const text = JSON.stringify(body)
    response.writeHead(status, { 'content-length': Buffer.byteLength(text) }).end(text)
  }
  if (request.url === '/blocking') {
    const found = findStockBlocking(SKU)
    answer(found, found.error === undefined ? 200 : 502)
  } else {
    port.findStock(SKU, (error, stock) => answer(stock ?? {}, error ? 502 : 200))
  }
})

// Connected and compiled, before it is measured.
const { error } = findStockBlocking(SKU)
if (error !== undefined) fail(error)
else {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port: listening } = server.address() as AddressInfo
  process.send?.({ said: `http://127.0.0.1:${listening}` })
}

function fail(message: string): void {
  process.send?.({ error: message })
}
