/** The page: plain HTML that lists what there is to run and to read. No script, no style, no state. */
import type { Scenario } from '@overlap/workload'
import { type Program, programs } from './programs.ts'

const otherRoutes = [
  ['/api/scenarios', 'the manifest'],
  ['/api/styles', 'the styles, the active one, and what is draining'],
  ['/api/events', 'the calls as they happen (server-sent events)'],
  ['/api/feed?channels=news', 'the messages of a channel'],
  ['/livez', 'whether the server lives'],
  ['/readyz', 'whether it can do its work'],
  ['/metrics', 'its metrics'],
  ['/openapi.json', 'all routes, described'],
] as const

const faultsRoute = ['/api/faults', 'what is wrong with the connections behind it'] as const

export function renderPage(
  scenarios: readonly Scenario[],
  styleNames: readonly string[],
  hasFaults: boolean,
): string {
  const others = hasFaults ? [...otherRoutes, faultsRoute] : otherRoutes
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Overlap</title>
</head>
<body>
<h1>Overlap</h1>
<p>One I/O-bound job in five concurrency styles.</p>
<table>
<thead><tr><th scope="col">Scenario</th><th scope="col">What it does, and in the talks</th>${styleNames.map((style) => `<th scope="col">${escape(style)}</th>`).join('')}</tr></thead>
<tbody>
${scenarios.map((scenario) => renderRow(scenario, styleNames)).join('\n')}
</tbody>
</table>
<p>An order changes the stock, so it is no link: <code>curl -X POST '…/api/run/transaction?sku=T-100'</code></p>
<h2>Also</h2>
<ul>
${others.map(([path, what]) => `<li>${link(path, path)}: ${escape(what)}</li>`).join('\n')}
</ul>
</body>
</html>
`
}

function renderRow({ name, firstSentence, origin }: Scenario, styleNames: readonly string[]): string {
  const cells = styleNames.map((style) => {
    const url = `/api/run/${name}?style=${encodeURIComponent(style)}${exampleOf(programs[name])}`
    const run = programs[name].method === 'GET' ? link(url, 'run') : '<code>POST</code>'
    const source = link(`/api/source/${encodeURIComponent(style)}/${name}`, 'source')
    return `<td>${run} · ${source}</td>`
  })
  return `<tr><th scope="row">${escape(name)}</th><td>${escape(firstSentence)}<br>${escape(origin)}</td>${cells.join('')}</tr>`
}

/** The parameters that a run must have, with the example of each, each behind an `&`. */
const exampleOf = ({ table }: Program) =>
  Object.entries(table)
    .filter(([, { fallback }]) => fallback === undefined)
    .map(([name, { schema }]) => `&${name}=${[schema['examples']].flat().join()}`)
    .join('')

const link = (href: string, text: string) => `<a href="${escape(href)}">${escape(text)}</a>`

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

const escape = (text: string) => text.replace(/[&<>"']/g, (character) => entities[character] ?? '')
