import type { Connection, SocketError } from '@overlap/workload'
import { Effect, Predicate, Stream } from 'effect'
import { Backend } from './backend.ts'

/**
 * Sends back what it receives, and never holds more than one chunk.
 *
 * Fails with the first error. One call runs at a time, and that is the one which is interrupted: the
 * stream is pulled, so the next chunk is read once the one before has been written. The output is ended
 * after the last.
 */
export const echo = Effect.fnUntraced(function* (
  connection: Connection,
): Effect.fn.Return<number, SocketError, Backend> {
  const { readChunk, writeChunk, endOutput } = yield* Backend
  const bytes = yield* Stream.fromEffectRepeat(readChunk(connection)).pipe(
    Stream.takeWhile(Predicate.isNotNull),
    Stream.mapEffect((chunk) => Effect.map(writeChunk({ connection, chunk }), () => chunk.length)),
    Stream.runSum,
  )
  yield* endOutput(connection)
  return bytes
})
