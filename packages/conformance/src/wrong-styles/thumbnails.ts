import {
  type Gallery,
  type Page,
  type Picture,
  type Port,
  type Thumbnail,
  type ThumbnailsInput,
  checkThumbnails,
  isPageError,
} from '@overlap/workload'
import { call, never, scoped, wrong } from './fault.ts'

type Thumbnails = (port: Port, input: ThumbnailsInput, signal: AbortSignal) => Promise<readonly Gallery[]>

/** With the input checked, and a signal that aborts once it is over. */
const checked =
  (body: Thumbnails): Thumbnails =>
  (port, input, signal) =>
    scoped(signal, async (all) => {
      checkThumbnails(input)
      signal.throwIfAborted()
      return body(port, input, all)
    })

const download = async (port: Port, page: Page, signal: AbortSignal): Promise<Picture> =>
  call(port.fetchPicture, await call(port.fetchPage, page, signal), signal)

const resizeToEach = (
  port: Port,
  picture: Picture,
  widths: readonly number[],
  signal: AbortSignal,
): Promise<Thumbnail[]> => Promise.all(widths.map((width) => call(port.resize, { picture, width }, signal)))

const thumbnailsOf = (
  port: Port,
  page: Page,
  widths: readonly number[],
  signal: AbortSignal,
): Promise<Thumbnail[]> =>
  scoped(signal, async (own) => resizeToEach(port, await download(port, page, own), widths, own))

/** Reports a bad page in its place. */
async function toGallery(
  page: Page,
  signal: AbortSignal,
  make: (page: Page) => Promise<readonly Thumbnail[]>,
): Promise<Gallery> {
  try {
    return { page, thumbnails: await make(page) }
  } catch (error) {
    signal.throwIfAborted()
    if (isPageError(error)) return { page, error }
    throw error
  }
}

/** Each place takes the next page that waits, when it has done one, until one of them fails. */
async function inPlaces<A>(
  { pages, limit: places }: ThumbnailsInput,
  f: (page: Page) => Promise<A>,
): Promise<A[]> {
  const waiting = pages.entries()
  const answers: A[] = []
  let failed = false
  const fail = (error: unknown) => {
    failed = true
    throw error
  }
  const fill = async () => {
    for (const [index, page] of waiting) {
      answers[index] = await f(page).catch(fail)
      if (failed) return
    }
  }
  await Promise.all(Array.from({ length: Math.min(places, pages.length) }, fill))
  return answers
}

/** Done right but for what is made of one page. */
const withPage = (
  make: (
    port: Port,
    page: Page,
    widths: readonly number[],
    all: AbortSignal,
  ) => Promise<readonly Thumbnail[]>,
): Thumbnails =>
  checked((port, input, all) =>
    inPlaces(input, (page) => toGallery(page, all, () => make(port, page, input.widths, all))),
  )

export const thumbnails = withPage(thumbnailsOf)

export const wrongThumbnails = []
