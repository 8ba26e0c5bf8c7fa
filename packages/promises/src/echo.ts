import type { Connection } from '@overlap/workload'
import type { Backend } from './backend.ts'

/**
 * Sends back what it receives, and never holds more than one chunk.
 *
 * Rejects with the first error. One call runs at a time, and that is the one which `signal` aborts: the
 * next chunk is read once the one before has been written. The output is ended after the last.
 */
export async function echo(backend: Backend, connection: Connection, signal: AbortSignal): Promise<number> {
  let bytes = 0
  for (;;) {
    const chunk = await backend.readChunk(connection, signal)
    if (!chunk) break
    await backend.writeChunk({ connection, chunk }, signal)
    bytes += chunk.length
  }
  await backend.endOutput(connection, signal)
  return bytes
}
