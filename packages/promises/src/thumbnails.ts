import type { Gallery, Page, Thumbnail, ThumbnailsInput } from '@overlap/workload'
import { checkThumbnails, isPageError } from '@overlap/workload'
import pLimit from 'p-limit'
import type { Backend } from './backend.ts'
import { scope } from './scope.ts'

/**
 * Downloads each page's picture while those before it are being resized.
 *
 * At most `limit` pages are in flight; those that wait start in the order of `pages`, each in the place of
 * one that is done. A bad page is reported in its place, after the rest of it has been aborted. Rejects
 * with the first other error, after it has aborted everything.
 */
export async function thumbnails(
  backend: Backend,
  input: ThumbnailsInput,
  signal: AbortSignal,
): Promise<readonly Gallery[]> {
  checkThumbnails(input)
  // Of no page, nothing else would look at it.
  signal.throwIfAborted()
  const { pages, widths, limit } = input
  return scope(signal, (all) => {
    const places = pLimit(limit)
    return places.map(pages, async (page) => {
      try {
        return { page, thumbnails: await downloadAndResize(backend, page, widths, all) }
      } catch (error) {
        // The reason of an abort may be any error, also one like a page's own.
        all.throwIfAborted()
        if (isPageError(error)) return { page, error }
        // A failure frees its place like a success: the next page would start before the scope has heard of it.
        places.clearQueue()
        throw error
      }
    })
  })
}

/** One page. Its first error aborts its other resizes, and no other page. */
function downloadAndResize(
  backend: Backend,
  page: Page,
  widths: readonly number[],
  signal: AbortSignal,
): Promise<readonly Thumbnail[]> {
  return scope(signal, async (own) => {
    const address = await backend.fetchPage(page, own)
    const picture = await backend.fetchPicture(address, own)
    return await Promise.all(widths.map((width) => backend.resize({ picture, width }, own)))
  })
}
