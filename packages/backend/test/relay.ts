/** Stands between the port and Postgres, and loses what a test wants to be lost. */
import { once } from 'node:events'
import net from 'node:net'

/** Each of these is about the connections that there are now; later ones are carried in full. */
export interface Relay {
  /** Of the database, by way of the relay. */
  readonly url: string
  /** What Postgres says goes nowhere. */
  loseAnswers(): void
  /** What Postgres is told goes nowhere. */
  loseQueries(): void
  /** Postgres is told everything later. */
  delayQueries(ms: number): void
  /** Postgres does not learn that its client is gone. */
  linger(): void
  /** Closes the connections to the port, and those to Postgres, unless they linger. */
  hangUp(): void
  /** Closes the connections to Postgres. */
  hangUpBehind(): void
  stop(): Promise<void>
}

interface Line {
  readonly client: net.Socket
  readonly server: net.Socket
  losesAnswers: boolean
  losesQueries: boolean
  delayMs: number
  lingers: boolean
}

export async function startRelay(databaseUrl: string): Promise<Relay> {
  const { hostname, port } = new URL(databaseUrl)
  const lines = new Set<Line>()
  const relay = net.createServer((client) => {
    const server = net.connect(Number(port || 5432), hostname)
    const line: Line = {
      client,
      server,
      losesAnswers: false,
      losesQueries: false,
      delayMs: 0,
      lingers: false,
    }
    lines.add(line)
    for (const socket of [client, server]) socket.on('error', () => {})
    client.on('data', (chunk: Buffer) => {
      if (line.losesQueries) return
      if (line.delayMs > 0) setTimeout(() => server.write(chunk), line.delayMs)
      else server.write(chunk)
    })
    server.on('data', (chunk: Buffer) => void (line.losesAnswers || client.write(chunk)))
    client.once('close', () => void (line.lingers || server.destroy()))
    server.once('close', () => {
      client.destroy()
      lines.delete(line)
    })
  })
  relay.listen(0, '127.0.0.1')
  await once(relay, 'listening')
  const address = relay.address()
  if (address === null || typeof address === 'string') throw new Error('it listens on no port')
  const url = new URL(databaseUrl)
  url.hostname = '127.0.0.1'
  url.port = String(address.port)
  return {
    url: url.href,
    loseAnswers: () => lines.forEach((line) => (line.losesAnswers = true)),
    loseQueries: () => lines.forEach((line) => (line.losesQueries = true)),
    delayQueries: (ms) => lines.forEach((line) => (line.delayMs = ms)),
    linger: () => lines.forEach((line) => (line.lingers = true)),
    hangUp: () => lines.forEach((line) => line.client.destroy()),
    hangUpBehind: () => lines.forEach((line) => line.server.destroy()),
    async stop() {
      relay.close()
      for (const { client, server } of lines) {
        client.destroy()
        server.destroy()
      }
      await once(relay, 'close')
    },
  }
}
