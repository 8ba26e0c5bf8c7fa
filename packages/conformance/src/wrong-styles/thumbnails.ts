import {
  type Gallery,
  HttpError,
  type Page,
  type Picture,
  PictureError,
  type Port,
  type Thumbnail,
  type ThumbnailsInput,
  checkThumbnails,
  isPageError,
} from '@overlap/workload'
import { call, never, scoped, wrong } from './fault.ts'
import { inPlaces } from './limit.ts'

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
    inPlaces(input.pages, input.limit, (page) =>
      toGallery(page, all, () => make(port, page, input.widths, all)),
    ),
  )

export const thumbnails = withPage(thumbnailsOf)

/** Its task is done when all before it are. */
function oneByOne() {
  let before: Promise<unknown> = Promise.resolve()
  return <A>(task: () => Promise<A>): Promise<A> => {
    const mine = before.then(task)
    before = mine.catch(() => {})
    return mine
  }
}

export const wrongThumbnails = [
  wrong('downloads everything before it resizes anything', ['overlap', 'equal work'], {
    thumbnails: checked(async (port, input, all) => {
      const pictures = await inPlaces(input.pages, input.limit, async (page) => {
        try {
          return await scoped(all, (own) => download(port, page, own))
        } catch (error) {
          all.throwIfAborted()
          if (isPageError(error)) return error
          throw error
        }
      })
      const left = pictures.values()
      return inPlaces(input.pages, input.limit, (page) =>
        toGallery(page, all, async () => {
          const picture = left.next().value
          if (!picture || picture instanceof Error) throw picture
          return scoped(all, (own) => resizeToEach(port, picture, input.widths, own))
        }),
      )
    }),
  }),
  wrong('does one page after the other', ['overlap', 'never fewer', 'any schedule'], {
    thumbnails: checked((port, input, all) => thumbnails(port, { ...input, limit: 1 }, all)),
  }),
  wrong('resizes one picture after the other', ['overlap'], {
    thumbnails: checked((port, input, all) => {
      const inTurn = oneByOne()
      const make = (page: Page) =>
        scoped(all, async (own) => {
          const picture = await download(port, page, own)
          return inTurn(() => resizeToEach(port, picture, input.widths, own))
        })
      return inPlaces(input.pages, input.limit, (page) => toGallery(page, all, make))
    }),
  }),
  wrong('downloads only while nothing is resized', ['overlap'], {
    thumbnails: checked((port, input, all) => {
      let resizing: Promise<unknown> = Promise.resolve()
      const make = (page: Page) =>
        scoped(all, async (own) => {
          const address = await call(port.fetchPage, page, own)
          await resizing
          const picture = await call(port.fetchPicture, address, own)
          const made = resizeToEach(port, picture, input.widths, own)
          resizing = made.catch(() => {})
          return made
        })
      return inPlaces(input.pages, input.limit, (page) => toGallery(page, all, make))
    }),
  }),
  wrong('makes one thumbnail after the other', ['equal work'], {
    thumbnails: withPage(async (port, page, widths, all) => {
      const picture = await download(port, page, all)
      const made: Thumbnail[] = []
      for (const width of widths) made.push(await call(port.resize, { picture, width }, all))
      return made
    }),
  }),
  wrong('lets one more page in', ['at most', 'equal work', 'any schedule'], {
    thumbnails: checked((port, input, all) => {
      const limit = Math.min(input.limit, input.pages.length) + 1
      return thumbnails(port, { ...input, limit }, all)
    }),
  }),
  wrong('limits the downloads alone', ['at most', 'equal work'], {
    thumbnails: checked(async (port, input, all) => {
      const ended: Promise<Gallery>[] = []
      const { promise, reject } = Promise.withResolvers<never>()
      const downloaded = inPlaces(input.pages, input.limit, async (page) => {
        const there = Promise.withResolvers<void>()
        const made = toGallery(page, all, () =>
          scoped(all, async (own) => {
            const picture = await download(port, page, own)
            there.resolve()
            return resizeToEach(port, picture, input.widths, own)
          }),
        )
        ended.push(made)
        made.then(() => there.resolve(), reject)
        await there.promise
      })
      return Promise.race([downloaded.then(() => Promise.all(ended)), promise])
    }),
  }),
  wrong('works on its pages in batches', ['never fewer'], {
    thumbnails: checked(async (port, { pages, widths, limit }, all) => {
      const galleries: Gallery[] = []
      for (let from = 0; from < pages.length; from += limit) {
        const batch = { pages: pages.slice(from, from + limit), widths, limit }
        galleries.push(...(await thumbnails(port, batch, all)))
      }
      return galleries
    }),
  }),
  wrong('does not give away the place of a bad page', ['never fewer', 'bad page'], {
    thumbnails: checked((port, input, all) => {
      const over = Promise.withResolvers<void>()
      let missing = input.pages.length
      return inPlaces(input.pages, input.limit, async (page) => {
        const gallery = await toGallery(page, all, () => thumbnailsOf(port, page, input.widths, all))
        if (--missing === 0) over.resolve()
        if ('error' in gallery) await over.promise
        return gallery
      })
    }),
  }),
  wrong('starts with the last page', ['first come'], {
    thumbnails: checked(async (port, input, all) => {
      const galleries = await thumbnails(port, { ...input, pages: input.pages.toReversed() }, all)
      return galleries.toReversed()
    }),
  }),
  wrong('answers the pages in the order of arrival', ['order', 'any schedule'], {
    thumbnails: checked(async (port, input, all) => {
      const galleries: Gallery[] = []
      await inPlaces(input.pages, input.limit, async (page) => {
        galleries.push(await toGallery(page, all, () => thumbnailsOf(port, page, input.widths, all)))
      })
      return galleries
    }),
  }),
  wrong('answers the thumbnails in the order of arrival', ['result', 'order'], {
    thumbnails: withPage((port, page, widths, all) =>
      scoped(all, async (own) => {
        const picture = await download(port, page, own)
        const made: Thumbnail[] = []
        const note = (thumbnail: Thumbnail) => made.push(thumbnail)
        await Promise.all(widths.map((width) => call(port.resize, { picture, width }, own).then(note)))
        return made
      }),
    ),
  }),
  wrong('starts with the widest', ['order'], {
    thumbnails: withPage(async (port, page, widths, all) => {
      const widest = [...widths.entries()].toSorted(([, a], [, b]) => b - a)
      const ordered = widest.map(([, width]) => width)
      const made = await thumbnailsOf(port, page, ordered, all)
      return widths.flatMap((_, index) => made[widest.findIndex(([place]) => place === index)] ?? [])
    }),
  }),
  wrong('fails with a bad page', ['result', 'bad page'], {
    thumbnails: checked((port, input, all) =>
      inPlaces(input.pages, input.limit, async (page) => ({
        page,
        thumbnails: await thumbnailsOf(port, page, input.widths, all),
      })),
    ),
  }),
  wrong('leaves a bad page out', ['bad page'], {
    thumbnails: checked(async (port, input, all) => {
      const galleries = await thumbnails(port, input, all)
      return galleries.filter((gallery) => !('error' in gallery))
    }),
  }),
  wrong('reports the bad pages last', ['bad page'], {
    thumbnails: checked(async (port, input, all) => {
      const galleries = await thumbnails(port, input, all)
      return galleries.toSorted((a, b) => Number('error' in a) - Number('error' in b))
    }),
  }),
  wrong('fails when a page is not there', ['bad page'], {
    thumbnails: checked((port, input, all) =>
      inPlaces(input.pages, input.limit, async (page) => {
        const address = await call(port.fetchPage, page, all)
        const picture = (one: AbortSignal) => call(port.fetchPicture, address, one)
        return toGallery(page, all, () =>
          scoped(all, async (own) => resizeToEach(port, await picture(own), input.widths, own)),
        )
      }),
    ),
  }),
  wrong('wraps the error of a bad page', ['bad page'], {
    thumbnails: checked(async (port, input, all) => {
      const galleries = await thumbnails(port, input, all)
      return galleries.map((gallery) =>
        'error' in gallery
          ? { ...gallery, error: new PictureError(`${gallery.page} is bad`, { cause: gallery.error }) }
          : gallery,
      )
    }),
  }),
  wrong('copies the error of a bad page', ['bad page'], {
    thumbnails: checked(async (port, input, all) => {
      const galleries = await thumbnails(port, input, all)
      return galleries.map((gallery) => {
        if (!('error' in gallery)) return gallery
        const { error } = gallery
        const copy =
          error instanceof PictureError
            ? new PictureError(error.message)
            : new HttpError(error.message, { status: error.status, code: error.code })
        return { ...gallery, error: copy }
      })
    }),
  }),
  wrong('lets the other resizes of a bad page run', ['bad page', 'equal work', 'any schedule'], {
    thumbnails: withPage(async (port, page, widths, all) =>
      resizeToEach(port, await download(port, page, all), widths, all),
    ),
  }),
  wrong('cancels all pages for a bad one', ['bad page'], {
    thumbnails: checked((port, input, all) =>
      scoped(all, (inner) => {
        const bad = new AbortController()
        const either = AbortSignal.any([inner, bad.signal])
        return inPlaces(input.pages, input.limit, (page) =>
          toGallery(page, all, async () => {
            try {
              return await thumbnailsOf(port, page, input.widths, either)
            } catch (error) {
              bad.abort(error)
              throw error
            }
          }),
        )
      }),
    ),
  }),
  wrong('waits for every resize of a bad page', ['bad page', 'equal work'], {
    thumbnails: withPage(async (port, page, widths, all) => {
      const picture = await download(port, page, all)
      const made = widths.map((width) => call(port.resize, { picture, width }, all))
      await Promise.allSettled(made)
      return Promise.all(made)
    }),
  }),
  wrong('reports the last error of a page', ['first in a tick'], {
    thumbnails: withPage((port, page, widths, all) =>
      scoped(all, async (own) => {
        const picture = await download(port, page, own)
        let last: unknown
        const note = (error: unknown) => {
          last = error
          throw error
        }
        const made = widths.map((width) => call(port.resize, { picture, width }, own).catch(note))
        return Promise.all(made).catch(() => {
          throw last
        })
      }),
    ),
  }),
  wrong('takes every error for that of a page', ['first error', 'error starts nothing'], {
    thumbnails: checked((port, input, all) =>
      inPlaces(input.pages, input.limit, async (page) => {
        try {
          return { page, thumbnails: await thumbnailsOf(port, page, input.widths, all) }
        } catch (error) {
          all.throwIfAborted()
          // A cast, because that is the fault.
          return { page, error: error as PictureError }
        }
      }),
    ),
  }),
  wrong('fills the place of a page whose error ends it', ['error starts nothing', 'equal work'], {
    thumbnails: checked((port, input, all) => {
      const { promise, reject } = Promise.withResolvers<never>()
      const galleries = inPlaces(input.pages, input.limit, (page) =>
        toGallery(page, all, () => thumbnailsOf(port, page, input.widths, all)).catch(reject),
      )
      return Promise.race([galleries, promise]).then((answers) => answers.filter((one) => one !== undefined))
    }),
  }),
  wrong('has those in flight alone hear an abort', ['abort starts nothing', 'at every step'], {
    thumbnails: async (port, input, signal) => {
      if (signal.aborted) return thumbnails(port, input, signal)
      checkThumbnails(input)
      const { promise, reject } = Promise.withResolvers<never>()
      const one = (page: Page) => {
        const heard = signal.aborted ? never : signal
        return toGallery(page, heard, () => thumbnailsOf(port, page, input.widths, heard)).catch(reject)
      }
      const galleries = await Promise.race([inPlaces(input.pages, input.limit, one), promise])
      return galleries.filter((gallery) => gallery !== undefined)
    },
  }),
  wrong('takes an abort for a bad page', ['abort is no bad page'], {
    thumbnails: checked((port, input, all) =>
      inPlaces(input.pages, input.limit, (page) =>
        toGallery(page, never, () => thumbnailsOf(port, page, input.widths, all)),
      ),
    ),
  }),
  wrong('fails with a page’s own error when it is aborted after it', ['abort is no bad page'], {
    thumbnails: checked((port, input, all) =>
      inPlaces(input.pages, input.limit, async (page) => {
        try {
          return { page, thumbnails: await thumbnailsOf(port, page, input.widths, all) }
        } catch (error) {
          if (isPageError(error) && !all.aborted) return { page, error }
          throw error
        }
      }),
    ),
  }),
  wrong('downloads equal pages once', ['equal pages', 'any schedule'], {
    thumbnails: checked(async (port, input, all) => {
      const different = [...new Set(input.pages)]
      const galleries = await thumbnails(port, { ...input, pages: different }, all)
      return input.pages.flatMap((page) => galleries[different.indexOf(page)] ?? [])
    }),
  }),
  wrong('never ends without a page', ['no page'], {
    thumbnails: checked((port, input, all) =>
      input.pages.length === 0 ? Promise.withResolvers<never>().promise : thumbnails(port, input, all),
    ),
  }),
  wrong('looks at the signal only if there is a page', ['no page'], {
    thumbnails: async (port, input, signal) => {
      checkThumbnails(input)
      return input.pages.length === 0 ? [] : thumbnails(port, input, signal)
    },
  }),
  wrong('never ends without a width', ['no width'], {
    thumbnails: withPage((port, page, widths, all) =>
      widths.length === 0 ? Promise.withResolvers<never>().promise : thumbnailsOf(port, page, widths, all),
    ),
  }),
  wrong('leaves a page without a width out', ['no width'], {
    thumbnails: checked(async (port, input, all) => {
      const galleries = await thumbnails(port, input, all)
      return galleries.filter((gallery) => !('thumbnails' in gallery) || gallery.thumbnails.length > 0)
    }),
  }),
  wrong('takes any width', ['wrong input'], {
    thumbnails: (port, input, signal) =>
      scoped(signal, async (all) => {
        checkThumbnails({ ...input, widths: [] })
        signal.throwIfAborted()
        return inPlaces(input.pages, input.limit, (page) =>
          toGallery(page, all, () => thumbnailsOf(port, page, input.widths, all)),
        )
      }),
  }),
  wrong('takes any number of places', ['wrong input'], {
    thumbnails: (port, input, signal) =>
      scoped(signal, async (all) => {
        checkThumbnails({ ...input, limit: 1 })
        signal.throwIfAborted()
        return inPlaces(input.pages, input.limit, (page) =>
          toGallery(page, all, () => thumbnailsOf(port, page, input.widths, all)),
        )
      }),
  }),
]
