/**
 * One echo over a TCP connection within this machine: a client sends, and begins to read only after a pause.
 * What the echo holds meanwhile is weighed, so that one can see that it holds the client back.
 */
import { Readable } from 'node:stream'
import { TcpConnection, connectLoopback } from '@overlap/backend'
import type { Port, Style } from '@overlap/workload'
import type { Socket } from 'node:net'

export interface LoopbackEcho {
  /** That have come back. */
  readonly bytes: number
  /** In how many chunks the echo has read them. */
  readonly chunks: number
  /** What was in the echo's hands at the same time, at most: read and not written, and read ahead by Node. */
  readonly mostHeldBytes: number
  /** What it had read when its client began to: the rest of that was on its way back, in the system's buffers. */
  readonly bytesReadInPause: number
}

/** Both ends are closed, however it ends. */
export async function echoOverLoopback(
  style: Style,
  port: Port,
  { bytes, pauseMs }: { readonly bytes: number; readonly pauseMs: number },
  signal: AbortSignal,
): Promise<LoopbackEcho> {
  const { client, accepted } = await connectLoopback()
  const scales = weigh(port, accepted)
  let bytesReadInPause = 0
  const onPauseOver = () => {
    bytesReadInPause = accepted.bytesRead
  }
  try {
    const [back] = await Promise.all([
      sendAndRead(client, bytes, pauseMs, onPauseOver),
      style.echo(scales.port, new TcpConnection(accepted), signal).finally(() => accepted.destroy()),
    ])
    return { bytes: back, ...scales.result(), bytesReadInPause }
  } finally {
    client.destroy()
    accepted.destroy()
  }
}

/** Resolves with how many bytes have come back, once the connection is closed. */
function sendAndRead(
  client: Socket,
  bytes: number,
  pauseMs: number,
  onPauseOver: () => void,
): Promise<number> {
  return new Promise((resolve) => {
    let back = 0
    const pause = setTimeout(() => {
      onPauseOver()
      client.on('data', ({ length }) => (back += length))
    }, pauseMs)
    client.on('close', () => {
      clearTimeout(pause)
      resolve(back)
    })
    // Whether all has come back shows in their number.
    client.on('error', () => {})
    Readable.from(blocksOf(bytes)).pipe(client)
  })
}

function* blocksOf(bytes: number) {
  const block = Buffer.alloc(64 * 1024, 'echo ')
  for (let left = bytes; left > 0; left -= block.length) yield block.subarray(0, left)
}

/** The port, with somebody who knows how much of what came over the socket is held. */
function weigh(port: Port, socket: Socket) {
  let chunks = 0
  let held = 0
  let mostHeldBytes = 0
  // What is held only grows until a write is done, so it is enough to look whenever a call ends.
  function look() {
    mostHeldBytes = Math.max(mostHeldBytes, held + socket.readableLength)
  }
  const weighed: Port = {
    ...port,
    readChunk: (connection, done) =>
      port.readChunk(connection, (error, chunk) => {
        if (chunk) {
          chunks++
          held += chunk.length
          look()
        }
        done(error, chunk)
      }),
    writeChunk: (input, done) =>
      port.writeChunk(input, (error) => {
        look()
        held -= input.chunk.length
        done(error)
      }),
  }
  return { port: weighed, result: () => ({ chunks, mostHeldBytes }) }
}
