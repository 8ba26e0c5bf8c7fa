/**
 * A reservation service that can hold its answers back: told `hold 100`, it answers nobody, and tells when 100 wait;
 * told `release`, it answers them all. Else it answers after `?delayMs=`, as the real one does.
 */
import http from 'node:http'
import type { AddressInfo } from 'node:net'

/** No connection is closed because nothing was asked on it for a while. */
const KEPT_MS = 60_000
/** Nobody is turned away, and knocks again seconds later, because many come at once: 511 may wait by default. */
const BACKLOG = 10_000

let awaited: number | undefined
let held: http.ServerResponse[] = []

const server = http.createServer({ keepAliveTimeout: KEPT_MS }, (request, response) => {
  if (awaited === undefined) {
    const { searchParams } = new URL(request.url ?? '', 'http://localhost')
    setTimeout(() => send(response), Number(searchParams.get('delayMs')))
    return
  }
  held.push(response)
  if (held.length === awaited) process.send?.('held')
})
server.listen({ port: 0, host: '127.0.0.1', backlog: BACKLOG }, () => {
  const { port } = server.address() as AddressInfo
  process.send?.(`http://127.0.0.1:${port}`)
})

process.on('disconnect', () => process.exit())
process.on('message', (message) => {
  const [what, count] = String(message).split(' ')
  awaited = what === 'hold' ? Number(count) : undefined
  for (const response of held) send(response)
  held = []
})

function send(response: http.ServerResponse): void {
  const body = JSON.stringify({ sku: 'A-42', reserved: 2 })
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length })
  response.end(body)
}
