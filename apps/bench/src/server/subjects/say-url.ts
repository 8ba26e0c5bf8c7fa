/** For the servers of this folder: listens on any free port of this machine, and says where. */
import type { AddressInfo, Server } from 'node:net'

export function sayUrl(server: Server): void {
  server.listen(0, '127.0.0.1', () => {
    // A cast: it listens on a port, and not on a pipe.
    const { port } = server.address() as AddressInfo
    process.send?.({ url: `http://127.0.0.1:${port}` })
  })
}
