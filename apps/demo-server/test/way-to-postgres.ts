/** Stands between the port and Postgres, and does to what is said there what a test wants. */
import { once } from 'node:events'
import net from 'node:net'

/**
 * `carries`: everything, as it is. `slices`: each byte in a segment of its own. `is silent`: nothing, and nobody
 * is told that somebody has gone. `resets`: half of what Postgres says next, and then RST. `hangs up`: nothing,
 * and each connection is closed at once.
 */
export type Manner = 'carries' | 'slices' | 'is silent' | 'resets' | 'hangs up'

export interface Way {
  /** Of the database, by this way. */
  readonly url: string
  /** From now on, for the connections that there are and those that come. */
  turn(manner: Manner): void
  stop(): Promise<void>
}

/** `port`: where it listens; any free one by default. */
export async function openWay(databaseUrl: string, manner: Manner, port = 0): Promise<Way> {
  const target = new URL(databaseUrl)
  const pairs = new Set<readonly [net.Socket, net.Socket]>()
  const server = net.createServer({ noDelay: true }, (client) => {
    const postgres = net.connect({ port: Number(target.port), host: target.hostname, noDelay: true })
    const pair = [client, postgres] as const
    pairs.add(pair)
    for (const socket of pair) {
      socket.on('error', () => {})
      socket.once('close', () => void (manner === 'is silent' || end(pair)))
    }
    client.on('data', (chunk: Buffer) => void (manner === 'is silent' || postgres.write(chunk)))
    postgres.on('data', (chunk: Buffer) => {
      if (manner === 'carries') client.write(chunk)
      else if (manner === 'slices') for (const byte of chunk) client.write(Uint8Array.of(byte))
      else if (manner === 'resets') {
        client.write(chunk.subarray(0, chunk.length / 2), () => client.resetAndDestroy())
      }
    })
    if (manner === 'hangs up') end(pair)
  })
  function end(pair: readonly [net.Socket, net.Socket]) {
    pairs.delete(pair)
    for (const socket of pair) socket.destroy()
  }
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('it listens on no port')
  const url = new URL(databaseUrl)
  url.port = String(address.port)
  return {
    url: url.href,
    turn(next) {
      manner = next
      // What nobody was told while it was silent.
      if (next !== 'is silent')
        for (const pair of pairs) if (pair.some(({ destroyed }) => destroyed)) end(pair)
    },
    async stop() {
      server.close()
      for (const pair of pairs) end(pair)
      await once(server, 'close')
    },
  }
}
