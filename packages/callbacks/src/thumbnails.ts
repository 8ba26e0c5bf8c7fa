import type {
  Cancel,
  Done,
  Gallery,
  HttpError,
  Page,
  Picture,
  PictureError,
  Thumbnail,
  ThumbnailsInput,
  WorkerError,
} from '@overlap/workload'
import { checkThumbnails, isPageError } from '@overlap/workload'
import type { Backend } from './backend.ts'

/**
 * Downloads each page's picture while those before it are being resized.
 *
 * At most `limit` pages are in flight; those that wait start in the order of `pages`, each in the place of
 * one that is done. A bad page is reported in its place, after the rest of it has been cancelled. Calls
 * `done` with the first other error, after it has cancelled everything.
 */
export function thumbnails(
  backend: Backend,
  input: ThumbnailsInput,
  done: Done<readonly Gallery[], WorkerError>,
): Cancel {
  checkThumbnails(input)
  const { pages, widths } = input
  const waiting = pages.entries()
  const galleries: Gallery[] = []
  const cancels: Cancel[] = []
  let missing = pages.length

  if (missing === 0) return answerNothing(done)
  const places = Math.min(input.limit, pages.length)
  for (let place = 0; place < places; place++) fill(place)

  function fill(place: number) {
    const next = waiting.next()
    if (next.done) return
    const [index, page] = next.value
    cancels[place] = downloadAndResize(backend, page, widths, (error, made) => {
      if (made) galleries[index] = { page, thumbnails: made }
      else if (isPageError(error)) galleries[index] = { page, error }
      else return fail(error)
      if (--missing === 0) return done(null, galleries)
      fill(place)
    })
  }
  function fail(error: WorkerError | null) {
    cancel()
    done(error)
  }
  function cancel() {
    for (const cancelPlace of cancels) cancelPlace()
  }
  return cancel
}

/** One page, call after call. What it hands back cancels the present one. */
function downloadAndResize(
  backend: Backend,
  page: Page,
  widths: readonly number[],
  done: Done<readonly Thumbnail[], HttpError | PictureError | WorkerError>,
): Cancel {
  let cancel = backend.fetchPage(page, (pageError, address) => {
    if (address === undefined) return done(pageError)
    cancel = backend.fetchPicture(address, (pictureError, picture) => {
      if (!picture) return done(pictureError)
      if (widths.length === 0) return done(null, [])
      cancel = resizeToEach(backend, picture, widths, done)
    })
  })
  return () => cancel()
}

/** All widths at the same time. The first error cancels the others. */
function resizeToEach(
  backend: Backend,
  picture: Picture,
  widths: readonly number[],
  done: Done<readonly Thumbnail[], PictureError | WorkerError>,
): Cancel {
  const made: Thumbnail[] = []
  let missing = widths.length
  const cancels = widths.map((width, index) =>
    backend.resize({ picture, width }, (error, thumbnail) => {
      if (error) {
        cancel()
        return done(error)
      }
      if (thumbnail) made[index] = thumbnail
      if (--missing === 0) done(null, made)
    }),
  )
  function cancel() {
    for (const cancelOne of cancels) cancelOne()
  }
  return cancel
}

/** Not at once: the caller does not hold the `Cancel` yet. */
function answerNothing(done: Done<readonly Gallery[], WorkerError>): Cancel {
  const immediate = setImmediate(done, null, [])
  return () => clearImmediate(immediate)
}
