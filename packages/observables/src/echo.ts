import type { Connection } from '@overlap/workload'
import { type Observable, concatMap, map, of, reduce, repeat, takeWhile } from 'rxjs'
import type { Backend } from './backend.ts'

/**
 * Sends back what it receives, and never holds more than one chunk.
 *
 * Emits the number of bytes. Errors with the first error. One call is subscribed to at a time: `repeat`
 * reads the next chunk once the one before has been written. The output is ended after the last.
 */
export function echo(backend: Backend, connection: Connection): Observable<number> {
  const passOne = backend
    .readChunk(connection)
    .pipe(
      concatMap((chunk) =>
        chunk ? backend.writeChunk({ connection, chunk }).pipe(map(() => chunk.length)) : of(null),
      ),
    )
  return passOne.pipe(
    repeat(),
    takeWhile((length) => length !== null),
    reduce((bytes, length) => bytes + length, 0),
    concatMap((bytes) => backend.endOutput(connection).pipe(map(() => bytes))),
  )
}
