/**
 * Colours TypeScript with Shiki, and says it with classes: the content security policy allows no style in an attribute.
 */
import { createCssVariablesTheme, createHighlighter } from 'shiki'

const theme = createCssVariablesTheme({ variablePrefix: '--', fontStyle: false })
const highlighter = await createHighlighter({ langs: ['typescript'], themes: [theme] })

/** The name of each colour, as a class. What is not here has the colour of the text. */
const classes: Readonly<Record<string, string>> = {
  '--token-keyword': 'keyword',
  '--token-string': 'string',
  '--token-string-expression': 'string',
  '--token-constant': 'constant',
  '--token-comment': 'comment',
  '--token-function': 'function',
}

/** HTML for each line. `marked`: names that are marked wherever they stand, so that they can be found in all files. */
export function colour(code: string, marked: readonly string[] = []): string[] {
  const names = new RegExp(`\\b(${marked.join('|')})\\b`, 'g')
  const lines = highlighter.codeToTokensBase(code, { lang: 'typescript', theme })
  return lines.map((tokens) =>
    tokens
      .map(({ content, color = '' }) => {
        const kind = classes[color.slice('var('.length, -1)]
        const text = escape(content)
        if (kind === 'comment' || kind === 'string') return `<i class="${kind}">${text}</i>`
        const html = marked.length > 0 ? text.replaceAll(names, '<b>$1</b>') : text
        return kind ? `<i class="${kind}">${html}</i>` : html
      })
      .join(''),
  )
}

const escape = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
