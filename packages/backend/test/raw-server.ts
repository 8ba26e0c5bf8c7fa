/** A TCP server that does with each socket exactly what a test says, and counts them. */
import { once } from 'node:events'
import net from 'node:net'

export interface RawServer {
  readonly port: number
  readonly url: string
  /** Sockets that are open now. */
  readonly open: number
  /** Sockets that were ever opened. */
  readonly ever: number
  /** What has been received on all sockets together. */
  readonly received: string
  /** Carries bytes between the socket and another server, until either side closes. */
  pipe(socket: net.Socket, port: number, host: string): void
  stop(): Promise<void>
}

export async function startRawServer(handle: (socket: net.Socket) => void): Promise<RawServer> {
  const sockets = new Set<net.Socket>()
  let ever = 0
  let received = ''
  const server = net.createServer((socket) => {
    sockets.add(socket)
    ever++
    socket.on('error', () => {})
    socket.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')))
    socket.once('close', () => sockets.delete(socket))
    handle(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('it listens on no port')
  return {
    port: address.port,
    url: `http://127.0.0.1:${address.port}`,
    get open() {
      return sockets.size
    },
    get ever() {
      return ever
    },
    get received() {
      return received
    },
    pipe(socket, port, host) {
      const other = net.connect(port, host)
      other.on('error', () => {})
      socket.pipe(other).pipe(socket)
      socket.once('close', () => other.destroy())
      other.once('close', () => socket.destroy())
    },
    async stop() {
      server.close()
      for (const socket of sockets) socket.destroy()
      if (server.listening || sockets.size > 0) await once(server, 'close')
    },
  }
}
