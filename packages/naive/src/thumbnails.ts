import type { Gallery, Page, ThumbnailsInput } from '@overlap/workload'
import { isPageError } from '@overlap/workload'
import type { Backend } from './backend.ts'

/**
 * Downloads each page's picture while those before it are being resized.
 *
 * What it leaves running: the other resizes of a bad page. After a failure that is no page's own, the other workers
 * do not even stop starting: they download and resize all the pages that are left.
 */
export async function thumbnails(
  backend: Backend,
  { pages, widths, limit }: ThumbnailsInput,
): Promise<readonly Gallery[]> {
  const galleries: Gallery[] = []
  const left = pages.entries()

  async function work(): Promise<void> {
    for (const [index, page] of left) galleries[index] = await makeGallery(backend, page, widths)
  }
  await Promise.all(Array.from({ length: Math.min(limit, pages.length) }, work))
  return galleries
}

async function makeGallery(backend: Backend, page: Page, widths: readonly number[]): Promise<Gallery> {
  try {
    const picture = await backend.fetchPicture(await backend.fetchPage(page))
    return { page, thumbnails: await Promise.all(widths.map((width) => backend.resize({ picture, width }))) }
  } catch (error) {
    if (isPageError(error)) return { page, error }
    throw error
  }
}
