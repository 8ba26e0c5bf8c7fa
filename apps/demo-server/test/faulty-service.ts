/**
 * A TCP server in the place of the reservation service, which does with each request what a test says.
 * It writes bytes, so that it can say what no HTTP server would.
 */
import { once } from 'node:events'
import net from 'node:net'
import { findFreePort } from './free-port.ts'

/** What becomes of a request. */
export type Answer = (socket: net.Socket) => unknown

export interface FaultyService {
  readonly url: string
  /** What has been asked so far: the first lines of the requests. */
  readonly asked: readonly string[]
  readonly openSockets: number
  /** Bytes that have left for its clients. */
  readonly sentBytes: number
  /** From now on it answers as it should. */
  heal(): Promise<void>
  stop(): Promise<void>
}

/** With the answer that its client has to have, behind whatever is put before its body. */
export function reply(body: string, head = 'HTTP/1.1 200 OK', length = Buffer.byteLength(body)): string {
  return `${head}\r\nContent-Length: ${length}\r\n\r\n${body}`
}

export const reservation = '{"sku":"A-42","reserved":2}'

/** `refuses`: it does not even listen before it is healed. */
export async function startFaultyService(answer: Answer, refuses = false): Promise<FaultyService> {
  const sockets = new Set<net.Socket>()
  const asked: string[] = []
  let sentBytes = 0
  let healthy = false
  const server = net.createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => {
      sentBytes += socket.bytesWritten
      sockets.delete(socket)
    })
    socket.on('data', (chunk: Buffer) => {
      const request = chunk.toString('latin1')
      const [line = ''] = request.split('\r\n')
      asked.push(line)
      if (!healthy && !line.includes('/sound/')) answer(socket)
      else socket.write(reply(reservation))
    })
  })
  const listen = async () => {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
  }
  const port = await findFreePort()
  if (!refuses) await listen()
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    get openSockets() {
      return sockets.size
    },
    get sentBytes() {
      return [...sockets].reduce((sum, socket) => sum + socket.bytesWritten, sentBytes)
    },
    async heal() {
      healthy = true
      if (refuses) await listen()
    },
    async stop() {
      if (!server.listening) return
      server.close()
      for (const socket of sockets) socket.destroy()
      await once(server, 'close')
    },
  }
}
