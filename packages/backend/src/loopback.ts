/** Two ends of one TCP connection within this machine. */
import { once } from 'node:events'
import net, { type AddressInfo, type Socket } from 'node:net'
import { SocketError } from '@overlap/workload'

export interface Loopback {
  readonly client: Socket
  /** The end that a server would have. */
  readonly accepted: Socket
}

/** With too many files open, libuv accepts a connection only to close it, and tells nobody. */
const ACCEPT_MS = 5000

/**
 * Each end may end its output and go on reading. Both are the caller's to destroy. Rejects with a `SocketError`, also when
 * the connection has not been accepted within `acceptMs`.
 */
export async function connectLoopback(acceptMs = ACCEPT_MS): Promise<Loopback> {
  let client: Socket | undefined
  const sockets = new Map<number | undefined, Socket>()
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    sockets.set(socket.remotePort, socket)
  })
  server.listen(0, '127.0.0.1')
  try {
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    client = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    await once(client, 'connect')
    // Anybody may connect, but only one of them is our client.
    const signal = AbortSignal.timeout(acceptMs)
    while (!sockets.has(client.localPort)) await once(server, 'connection', { signal })
    const accepted = sockets.get(client.localPort)
    sockets.delete(client.localPort)
    return { client, accepted: accepted as Socket }
  } catch (error) {
    client?.on('error', () => {}).destroy()
    const { code } = error as NodeJS.ErrnoException
    throw new SocketError('two ends could not be connected', {
      cause: error,
      code: code === 'ABORT_ERR' ? 'ETIMEDOUT' : code,
    })
  } finally {
    server.close()
    for (const stranger of sockets.values()) stranger.destroy()
  }
}
