/** Two ends of one TCP connection within this machine. */
import { once } from 'node:events'
import net, { type AddressInfo, type Socket } from 'node:net'

export interface Loopback {
  readonly client: Socket
  /** The end that a server would have. */
  readonly accepted: Socket
}

/** Each end may end its output and go on reading. Both are the caller's to destroy. */
export async function connectLoopback(): Promise<Loopback> {
  const sockets = new Map<number | undefined, Socket>()
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    sockets.set(socket.remotePort, socket)
  })
  server.listen(0, '127.0.0.1')
  try {
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const client = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    await once(client, 'connect')
    // Anybody may connect, but only one of them is our client.
    while (!sockets.has(client.localPort)) await once(server, 'connection')
    const accepted = sockets.get(client.localPort)
    sockets.delete(client.localPort)
    return { client, accepted: accepted as Socket }
  } finally {
    server.close()
    for (const stranger of sockets.values()) stranger.destroy()
  }
}
