/**
 * A TCP connection as the port's calls use it: bytes are read when they are asked for, and a write is done
 * when its bytes have left the process. So a slow reader holds back whoever writes to it.
 *
 * Node's own buffer, which is filled without being asked, stays at its mark (64 KiB, and what one read of the
 * system brings at a time) as long as nobody reads. The socket stays its owner's, who closes it.
 */
import type { Socket } from 'node:net'
import { SocketError, type Cancel, type Chunk, type Connection } from '@overlap/workload'
import { CLOSED, toSocketError } from './socket-errors.ts'
import type { Told } from './told.ts'

let lastId = 0

export class TcpConnection implements Connection {
  readonly id = ++lastId
  readonly #socket: Socket
  /** The read that waits. */
  #read: Told<Chunk | null, SocketError> | null = null

  /** The other side may end its output, and goes on reading: the socket is made to allow for that. */
  constructor(socket: Socket) {
    this.#socket = socket
    socket.allowHalfOpen = true
    // The calls look for it themselves. Without a listener, it would end the process.
    socket.on('error', () => {})
    // For good, because to take `readable` away and put it back costs more than to look in vain.
    for (const event of ['readable', 'end', 'close']) socket.on(event, () => this.#look())
  }

  /** Cancelled, it takes no byte. Throws when another one waits. */
  readChunk(told: Told<Chunk | null, SocketError>): Cancel {
    if (this.#read) throw new Error('another read of the connection is under way')
    this.#read = told
    told.sent()
    process.nextTick(() => this.#look())
    return () => {
      if (this.#read === told) this.#read = null
      if (told.cancel()) told.stopped()
    }
  }

  /** Cancelled, it is sent all the same: it is with the system already, or will be. */
  writeChunk(chunk: Chunk, told: Told<void, SocketError>): Cancel {
    return this.#send(told, (settle) => this.#socket.write(chunk, settle))
  }

  /** Cancelled, it comes to pass all the same. */
  endOutput(told: Told<void, SocketError>): Cancel {
    return this.#send(told, (settle) => this.#socket.end(settle))
  }

  /** Answers the read that waits, if there is something to say. */
  #look() {
    const told = this.#read
    if (!told) return
    const failure = this.#failure()
    const chunk = failure ? null : (this.#socket.read() as Chunk | null)
    if (!failure && !chunk && !this.#socket.readableEnded) return
    this.#read = null
    if (failure) told.fail(toSocketError(failure))
    else told.succeed(chunk)
  }

  /** Node always calls back, also when the socket is destroyed meanwhile. */
  #send(told: Told<void, SocketError>, begin: (settle: (error?: Error | null) => void) => void): Cancel {
    told.sent()
    begin((error) => {
      if (told.over) told.stopped()
      // What has broken the connection says more than the write that it has cut off.
      else if (error) told.fail(toSocketError(this.#socket.errored ?? error))
      else told.succeed()
    })
    return () => void told.cancel()
  }

  /** Why nothing more will come. A socket that has been ended on both sides destroys itself: that is none. */
  #failure(): Error | null {
    const { errored, destroyed, readableEnded } = this.#socket
    return errored ?? (destroyed && !readableEnded ? new SocketError(CLOSED) : null)
  }
}
