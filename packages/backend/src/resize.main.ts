/**
 * Makes one thumbnail; it runs on a worker thread.
 *
 * Throws for what is not the picture's fault, and answers what is.
 */
import sharp from 'sharp'

/** More than any camera has, and less than what fills the memory: 100 megapixels take 300 MB. */
const PIXEL_LIMIT = 100_000_000
const formats: ReadonlySet<string> = new Set(['jpeg', 'png', 'webp'])
const UNREADABLE = 'it cannot be read as JPEG, PNG or WebP'

// One picture is one thread's work; there are as many at a time as there are workers.
sharp.concurrency(1)
// No picture comes twice.
sharp.cache(false)

export interface ResizeJob {
  readonly bytes: Uint8Array
  /** Pixels. */
  readonly width: number
}

/** A thumbnail, or what is wrong with the picture. */
export type ResizeAnswer =
  | { readonly width: number; readonly height: number; readonly bytes: Uint8Array }
  | { readonly fault: string }

export default async function resize({ bytes, width }: ResizeJob): Promise<ResizeAnswer> {
  const fault = await findFault(bytes)
  if (fault !== undefined) return { fault }
  const thumbnail = sharp(bytes, { failOn: 'error', limitInputPixels: PIXEL_LIMIT, autoOrient: true })
    .resize({ width, withoutEnlargement: true })
    .webp()
  try {
    const { data, info } = await thumbnail.toBuffer({ resolveWithObject: true })
    return { width: info.width, height: info.height, bytes: data }
  } catch {
    return { fault: 'it is damaged, or ends too early' }
  }
}

/** Looks at the head alone, so that no size is too large for it. */
async function findFault(bytes: Uint8Array): Promise<string | undefined> {
  try {
    const { format, width, height } = await sharp(bytes, { limitInputPixels: false }).metadata()
    if (!formats.has(format)) return UNREADABLE
    return width * height > PIXEL_LIMIT ? `it has more than ${PIXEL_LIMIT / 1_000_000} megapixels` : undefined
  } catch {
    return UNREADABLE
  }
}
