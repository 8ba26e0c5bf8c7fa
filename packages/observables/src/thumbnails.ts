import type { Gallery, Page, ThumbnailsInput } from '@overlap/workload'
import { checkThumbnails, isPageError } from '@overlap/workload'
import {
  type Observable,
  catchError,
  concatMap,
  defaultIfEmpty,
  forkJoin,
  from,
  map,
  mergeMap,
  of,
  throwError,
  toArray,
} from 'rxjs'
import type { Backend } from './backend.ts'

/**
 * Downloads each page's picture while those before it are being resized.
 *
 * At most `limit` pages are in flight; those that wait start in the order of `pages`, each in the place of
 * one that is done. A bad page is reported in its place, after `forkJoin` has unsubscribed from the rest of
 * it. Emits one array. Errors with the first other error, after `mergeMap` has unsubscribed from the others.
 */
export function thumbnails(backend: Backend, input: ThumbnailsInput): Observable<readonly Gallery[]> {
  checkThumbnails(input)
  const { pages, widths, limit } = input
  return from(pages).pipe(
    mergeMap(
      (page, index) => downloadAndResize(backend, page, widths).pipe(map((gallery) => ({ index, gallery }))),
      limit,
    ),
    toArray(),
    map((arrived) => arrived.toSorted((a, b) => a.index - b.index).map(({ gallery }) => gallery)),
  )
}

function downloadAndResize(backend: Backend, page: Page, widths: readonly number[]): Observable<Gallery> {
  return backend.fetchPage(page).pipe(
    concatMap((address) => backend.fetchPicture(address)),
    concatMap((picture) => forkJoin(widths.map((width) => backend.resize({ picture, width })))),
    // Of no width, `forkJoin` completes without a value.
    defaultIfEmpty([]),
    map((made) => ({ page, thumbnails: made })),
    catchError((error: unknown) => (isPageError(error) ? of({ page, error }) : throwError(() => error))),
  )
}
