/**
 * Downloads a page with one GET, and answers where its picture is.
 *
 * Only 200 with a page whose picture is on the service itself is an answer.
 */
import { HttpError, PictureError, type Call, type Page, type PictureAddress } from '@overlap/workload'
import { findPicture } from './find-picture.ts'
import { HttpCall } from './http-call.ts'
import { toStatusError } from './http-errors.ts'
import { isPictureAddress } from './picture-address.ts'
import type { ServiceQueries } from './service-queries.ts'
import type { Upstream } from './upstream.ts'
import type { Watcher } from './watcher.ts'

/** To parse that much takes a few ms of the event loop. */
const PAGE_LIMIT_BYTES = 256 * 1024

/** `httpMs`: how long the service is asked to take, 0 to 10,000 ms. */
export function createFetchPage(
  { lines, basePath }: Upstream,
  httpMs: number,
  queries: ServiceQueries,
  watcher: Watcher,
): Call<Page, PictureAddress, HttpError | PictureError> {
  return (page, done) => {
    const call = new HttpCall<Page, PictureAddress, PictureError>('fetchPage', page, readPage, done, watcher)
    if (lines.closed) call.failLater('the port is closed')
    // A lone surrogate has no form in a URL.
    else if (!page.isWellFormed()) call.failLater('the page is not text')
    else {
      const path = `${basePath}/pages/${encodeURIComponent(page)}${queries.next(httpMs)}`
      call.start(lines, { method: 'GET', path }, PAGE_LIMIT_BYTES)
    }
    return () => call.cancel()
  }
}

function readPage(page: Page, status: number, body: Buffer): PictureAddress | HttpError | PictureError {
  if (status !== 200) return toStatusError(status)
  const address = findPicture(body.toString())
  if (address === undefined) return new PictureError(`the page ${JSON.stringify(page)} has no picture`)
  if (isPictureAddress(address)) return address
  return new PictureError(`the picture of the page ${JSON.stringify(page)} is not a path on the service`)
}
