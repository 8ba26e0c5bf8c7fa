import type { Cancel, Chunk, Connection, Done, SocketError } from '@overlap/workload'
import type { Backend } from './backend.ts'

/**
 * Sends back what it receives, and never holds more than one chunk.
 *
 * Calls `done` with the first error. One call runs at a time, and that is the one which is cancelled: the
 * next chunk is read once the one before has been written. The output is ended after the last.
 */
export function echo(backend: Backend, connection: Connection, done: Done<number, SocketError>): Cancel {
  let bytes = 0
  let cancelRunning = read()

  function read(): Cancel {
    return backend.readChunk(connection, (error, chunk) => {
      if (error) return done(error)
      cancelRunning = chunk ? write(chunk) : end()
    })
  }
  function write(chunk: Chunk): Cancel {
    return backend.writeChunk({ connection, chunk }, (error) => {
      if (error) return done(error)
      bytes += chunk.length
      cancelRunning = read()
    })
  }
  function end(): Cancel {
    return backend.endOutput(connection, (error) => (error ? done(error) : done(null, bytes)))
  }
  // Not `return cancelRunning`: which call runs, changes.
  return () => cancelRunning()
}
