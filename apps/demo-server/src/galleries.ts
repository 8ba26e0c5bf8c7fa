/** What a client is told of a page: its thumbnails as `data:` URLs, so that one document holds them all. */
import { HttpError, type Gallery } from '@overlap/workload'

export function showGallery(gallery: Gallery): object {
  const { page } = gallery
  if ('error' in gallery) {
    const { error } = gallery
    // Written as JSON, what is `undefined` is left out.
    const status = error instanceof HttpError ? error.status : undefined
    return { page, error: { name: error.name, status, message: error.message } }
  }
  const thumbnails = gallery.thumbnails.map(({ width, height, bytes }) => {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
    return { width, height, url: `data:image/webp;base64,${text}` }
  })
  return { page, thumbnails }
}
