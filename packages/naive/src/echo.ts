import type { Connection } from '@overlap/workload'
import type { Backend } from './backend.ts'

/**
 * Sends back what it receives, and never holds more than one chunk.
 *
 * What it holds: everything that its client sends and does not take back, because nobody waits for a write. A client
 * that never reads fills the memory of the process.
 */
export async function echo(backend: Backend, connection: Connection): Promise<number> {
  let bytes = 0
  for (;;) {
    const chunk = await backend.readChunk(connection)
    if (!chunk) break
    backend.writeChunk({ connection, chunk })
    bytes += chunk.length
  }
  await backend.endOutput(connection)
  return bytes
}
