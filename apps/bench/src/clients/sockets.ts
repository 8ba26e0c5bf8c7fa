/** Many clients of one server: raw sockets, as few bytes as a client needs, and how many there may be. */
import { once } from 'node:events'
import net from 'node:net'

/** How many connect at the same time: fewer than a server lets wait that is about to accept them. */
const BATCH = 100

/** Resolves when all are connected. A socket that breaks closes, and ends nothing. */
export async function connectSockets(url: string, count: number): Promise<net.Socket[]> {
  const { hostname, port } = new URL(url)
  const sockets: net.Socket[] = []
  while (sockets.length < count) {
    const batch = Array.from({ length: Math.min(BATCH, count - sockets.length) }, () =>
      net.connect(Number(port), hostname),
    )
    await Promise.all(batch.map((socket) => once(socket, 'connect')))
    for (const socket of batch) sockets.push(socket.on('error', () => {}))
  }
  return sockets
}

/** A GET as a client writes it that says nothing needless. */
export function get(path: string, headers: Readonly<Record<string, string>> = {}): string {
  const lines = Object.entries({ Host: 'localhost', ...headers }).map(([name, value]) => `${name}: ${value}`)
  return [`GET ${path} HTTP/1.1`, ...lines, '\r\n'].join('\r\n')
}

/**
 * Resolves when a text has come, which comes in one piece. Rejects when the socket is closed before that, or
 * answered with another status than 200.
 */
export function untilReceived(socket: net.Socket, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    function read(chunk: Buffer) {
      if (chunk.includes(text)) end(resolve)
      else if (/^HTTP\/1\.1 (?!200)/.test(chunk.toString('latin1', 0, 13)))
        end(() => reject(new Error(`a client was answered with ${chunk.toString('latin1')}`)))
    }
    function fail() {
      end(() => reject(new Error(`a client was closed before it received ${text}`)))
    }
    function end(settle: () => void) {
      socket.off('data', read).off('close', fail)
      settle()
    }
    socket.on('data', read).once('close', fail)
  })
}

/** How many files a process may have open: this one, and those that it starts. Windows has no such limit. */
export function readFileLimit(): number {
  // A cast, because its type says no more than that it is an object.
  const { userLimits } = process.report.getReport() as {
    readonly userLimits?: { readonly open_files?: { readonly soft?: number | 'unlimited' } }
  }
  const soft = userLimits?.open_files?.soft
  return typeof soft === 'number' ? soft : Infinity
}
