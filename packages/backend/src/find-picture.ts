/**
 * Finds the picture that a page is about, as the page itself says.
 *
 * That is what its first `og:image` names, which pages have for whoever shows a preview of them. A page
 * without one may mark an image as schema.org's `image`. Other images are decoration, or somebody else's.
 *
 * Source: https://ogp.me and https://schema.org/image
 */
import { Parser } from 'htmlparser2'

/** As it stands in the page, without blanks around it; `undefined` when the page has none. */
export function findPicture(html: string): string | undefined {
  let preview: string | undefined
  let image: string | undefined
  const parser = new Parser({
    onopentag(name, { property, content, itemprop, src }) {
      if (name === 'meta' && property === 'og:image') preview ??= content
      if (name === 'img' && itemprop === 'image') image ??= src
    },
  })
  parser.end(html)
  return (preview ?? image)?.trim()
}
