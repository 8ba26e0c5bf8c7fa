/** What counts as code, in the README's matrix and wherever else lines are counted. */

/** The code of a file without its comments, which may say what the code must not. */
export function codeOf(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/(^|\s)\/\/.*$/gm, '$1')
}

/** The code of a file without its imports too, which repeat what the code says. */
export function programOf(text: string): string {
  return codeOf(text).replaceAll(/^import\b[\s\S]*?'[^']+'$/gm, '')
}

/** Lines of code: without blank lines, comments and imports. */
export function linesOf(text: string): number {
  return programOf(text)
    .split('\n')
    .filter((line) => line.trim() !== '').length
}
