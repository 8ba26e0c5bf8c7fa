/** Renders the page on the server: any address, without JavaScript. Built, and then loaded by `index.ts`. */
import { render as renderToString } from 'preact-render-to-string'
import { show } from './address.ts'
import { App, titleOf } from './app.tsx'
import { type Code, code } from './code.ts'
import { pageData } from './data.ts'
import { panels as all } from './panels.ts'
import type { Rendering } from './rendering.ts'
import { scenarioField } from './choice.ts'
import { shownClause } from './panels/suite/choice.ts'
import { showsFrames } from './panels/compare/compare.tsx'
import { themeField } from './theme.ts'

export const panels: Rendering['panels'] = all.map(({ name }) => name)

export const render: Rendering['render'] = (url, data, { files, code: read }) => {
  // All of this is synchronous, so requests do not meet in these signals.
  show(url)
  pageData.value = data
  const suiteFile = shownClause(read('clauses'))?.file
  const loaded: Code = {
    exhibits: { [scenarioField.value]: read(scenarioField.value) },
    frames: showsFrames() ? read('frames') : undefined,
    clauses: read('clauses'),
    suiteFiles: suiteFile === undefined ? {} : { [suiteFile]: read(`suite-${suiteFile}`) },
  }
  code.value = loaded
  const body = renderToString(<App />)
  // What the browser needs to go on from here. `<` is the one character that could end the element.
  const state = JSON.stringify({ data, code: loaded }).replaceAll('<', '\\u003c')
  return `<!doctype html>
<html lang="en" data-theme="${themeField.value}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${titleOf()}</title>
<link rel="icon" href="/icon.svg">
<link rel="stylesheet" href="${files.style}">
<script type="module" src="${files.script}"></script>
</head>
<body>
<div id="app">${body}</div>
<script type="application/json" id="state">${state}</script>
</body>
</html>
`
}
