import type { Gallery, Page, ThumbnailsInput } from '@overlap/workload'
import { checkThumbnails, isPageError } from '@overlap/workload'
import type { Backend } from './backend.ts'
import { type Operation, all } from './operation.ts'

/**
 * Downloads each page's picture while those before it are being resized.
 *
 * At most `limit` pages are in flight; those that wait start in the order of `pages`, each in the place of
 * one that is done. A bad page is reported in its place, after `all` has cancelled the rest of it. Throws
 * the first other error, after `all` has cancelled everything.
 */
export function* thumbnails(backend: Backend, input: ThumbnailsInput): Operation<readonly Gallery[]> {
  checkThumbnails(input)
  const { pages, widths } = input
  const waiting = pages.entries()
  const galleries: Gallery[] = []

  // All places take from one iterator, so each page is taken once.
  function* fillPlace(): Operation<void> {
    for (const [index, page] of waiting) galleries[index] = yield* downloadAndResize(backend, page, widths)
  }
  const places = Math.min(input.limit, pages.length)
  yield* all(...Array.from({ length: places }, fillPlace))
  return galleries
}

function* downloadAndResize(backend: Backend, page: Page, widths: readonly number[]): Operation<Gallery> {
  try {
    const address = yield* backend.fetchPage(page)
    const picture = yield* backend.fetchPicture(address)
    const made = yield* all(...widths.map((width) => backend.resize({ picture, width })))
    return { page, thumbnails: made }
  } catch (error) {
    if (!isPageError(error)) throw error
    return { page, error }
  }
}
