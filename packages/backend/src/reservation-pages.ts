/**
 * The pages of the reservation service: a little HTML each, with a picture among other links and images.
 *
 * `P-1` to `P-10` are sound. `no-picture` has none, that of `not-a-picture` is text, and that of `truncated`
 * ends in the middle.
 */
import { hasPicture } from './reservation-pictures.ts'

/** `undefined` when there is no such page. */
export function pageOf(name: string): string | undefined {
  if (name === 'no-picture') return toHtml(name, '', '<p>Its picture is yet to be taken.</p>')
  if (!hasPicture(name)) return undefined
  const address = `/pictures/${name}`
  return toHtml(
    name,
    `<meta property="og:image" content="${address}">`,
    `<img itemprop="image" src="${address}" width="1760" height="1168" alt="The product">`,
  )
}

function toHtml(name: string, head: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>${name} &middot; Overlap</title>
<link rel="icon" href="/favicon.ico">
<!-- <meta property="og:image" content="/pictures/last-year"> -->
<meta property="og:title" content="${name}">
${head}
<script>document.title += ' <img itemprop="image" src="/pictures/of-a-script">'</script>
</head>
<body>
<a href="/"><img src="/logo.png" alt="Overlap"></a>
<h1>${name}</h1>
${body}
<p>See also <a href="/pages/P-1">P-1</a>, and what others <a href="https://example.com/?a=1&amp;b=2">say</a>.</p>
<img src="https://example.com/pixel.gif" width="1" height="1" alt="">
</body>
</html>
`
}
