/** The calls of the port on a connection to a client. */
import type { Call, Chunk, Connection, ConnectionChunk, SocketError } from '@overlap/workload'
import { TcpConnection } from './tcp-connection.ts'
import { Told } from './told.ts'
import type { Watcher } from './watcher.ts'

interface ConnectionCalls {
  readonly readChunk: Call<Connection, Chunk | null, SocketError>
  readonly writeChunk: Call<ConnectionChunk, void, SocketError>
  readonly endOutput: Call<Connection, void, SocketError>
}

export function createConnectionCalls(watcher: Watcher): ConnectionCalls {
  return {
    readChunk(connection, done) {
      const tcp = toTcp(connection)
      return tcp.readChunk(new Told('readChunk', done, watcher))
    },
    writeChunk({ connection, chunk }, done) {
      const tcp = toTcp(connection)
      return tcp.writeChunk(chunk, new Told('writeChunk', done, watcher))
    },
    endOutput(connection, done) {
      const tcp = toTcp(connection)
      return tcp.endOutput(new Told('endOutput', done, watcher))
    },
  }
}

/** A connection is its own handle: there is no table to look it up in, and to be forgotten in. */
function toTcp(connection: Connection): TcpConnection {
  if (connection instanceof TcpConnection) return connection
  throw new Error('it is not a connection of the port')
}
