/** Downloads a picture with one GET. Only 200 is an answer; what is in it, `resize` finds out. */
import { HttpError, type Call, type Picture, type PictureAddress } from '@overlap/workload'
import { HttpCall } from './http-call.ts'
import { toStatusError } from './http-errors.ts'
import { isPictureAddress } from './picture-address.ts'
import type { ServiceQueries } from './service-queries.ts'
import type { Upstream } from './upstream.ts'
import type { Watcher } from './watcher.ts'

const PICTURE_LIMIT_BYTES = 4 * 1024 * 1024

/** `httpMs`: how long the service is asked to take, 0 to 10,000 ms. */
export function createFetchPicture(
  { lines, basePath }: Upstream,
  httpMs: number,
  queries: ServiceQueries,
  watcher: Watcher,
): Call<PictureAddress, Picture, HttpError> {
  return (address, done) => {
    const call = new HttpCall('fetchPicture', address, readPicture, done, watcher)
    if (lines.closed) call.failLater('the port is closed')
    else if (!isPictureAddress(address))
      call.failLater('the address of the picture is not a path on the service')
    else {
      const path = `${basePath}${address}${queries.next(httpMs)}`
      call.start(lines, { method: 'GET', path }, PICTURE_LIMIT_BYTES)
    }
    return () => call.cancel()
  }
}

function readPicture(address: PictureAddress, status: number, body: Buffer): Picture | HttpError {
  if (status !== 200) return toStatusError(status)
  // A copy, because a worker is sent all that the memory behind it holds, and that may be a socket's buffer.
  return { address, bytes: new Uint8Array(body) }
}
