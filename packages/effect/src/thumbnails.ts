import type { Gallery, Page, ThumbnailsInput, WorkerError } from '@overlap/workload'
import { checkThumbnails } from '@overlap/workload'
import { Effect } from 'effect'
import { Backend } from './backend.ts'

/**
 * Downloads each page's picture while those before it are being resized.
 *
 * At most `limit` pages are in flight; those that wait start in the order of `pages`, each in the place of
 * one that is done. A bad page is reported in its place, after the rest of its fibers have been interrupted.
 * Fails with the first other error, after `Effect.forEach` has interrupted everything.
 */
export const thumbnails = Effect.fnUntraced(function* (
  input: ThumbnailsInput,
): Effect.fn.Return<readonly Gallery[], WorkerError, Backend> {
  checkThumbnails(input)
  const { pages, widths, limit } = input
  return yield* Effect.forEach(pages, (page) => downloadAndResize(page, widths), { concurrency: limit })
})

/** The page's own errors become its gallery, and leave the type. */
const downloadAndResize = Effect.fnUntraced(
  function* (page: Page, widths: readonly number[]) {
    const backend = yield* Backend
    const address = yield* backend.fetchPage(page)
    const picture = yield* backend.fetchPicture(address)
    const made = yield* Effect.forEach(widths, (width) => backend.resize({ picture, width }), {
      concurrency: 'unbounded',
    })
    return { page, thumbnails: made }
  },
  (gallery, page) =>
    Effect.catchTag(gallery, ['HttpError', 'PictureError'], (error) => Effect.succeed({ page, error })),
)
