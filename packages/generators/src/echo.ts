import type { Connection } from '@overlap/workload'
import type { Backend } from './backend.ts'
import type { Operation } from './operation.ts'

/**
 * Sends back what it receives, and never holds more than one chunk.
 *
 * Throws the first error. One call runs at a time, and that is the one which is cancelled: the next chunk
 * is read once the one before has been written. The output is ended after the last.
 */
export function* echo(backend: Backend, connection: Connection): Operation<number> {
  let bytes = 0
  for (;;) {
    const chunk = yield* backend.readChunk(connection)
    if (!chunk) break
    yield* backend.writeChunk({ connection, chunk })
    bytes += chunk.length
  }
  yield* backend.endOutput(connection)
  return bytes
}
