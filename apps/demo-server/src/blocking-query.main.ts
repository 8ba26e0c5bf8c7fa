/** The worker thread behind `blocking-server.main.ts`: makes one query after the other, and wakes the thread that waits for it. */
import { type MessagePort, workerData } from 'node:worker_threads'
import { openPort } from '@overlap/backend'

const { databaseUrl, upstreamUrl, dbMs, answered, far } = workerData as {
  readonly databaseUrl: string
  readonly upstreamUrl: string
  readonly dbMs: number
  readonly answered: Int32Array
  readonly far: MessagePort
}
const backend = openPort({
  databaseUrl,
  upstreamUrls: [upstreamUrl],
  poolMax: 1,
  applicationName: 'overlap-experiment',
})
const port = backend.forRun({ dbMs, httpMs: 0 })

far.on('message', (sku: string) => {
  port.findStock(sku, (error, stock) => {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- only windows have origins
    far.postMessage(error ? { error: error.message } : { stock })
    Atomics.store(answered, 0, 1)
    Atomics.notify(answered, 0)
  })
})
