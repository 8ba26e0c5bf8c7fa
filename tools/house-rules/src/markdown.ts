/** Tables in documents that are made from something else, so that they cannot tell anything else. */

/** A document, and the table that stands in it between two comments with the table's name. */
export interface Table {
  readonly file: string
  readonly name: string
  readonly make: () => string
}

/** Puts the table into the text of its document, in the place of the one that is there. */
export function place({ file, name, make }: Table, text: string): string {
  const [begin, end] = [`<!-- ${name}: made by npm run docs -->`, `<!-- end of ${name} -->`]
  const [before, rest] = text.split(begin)
  const after = rest?.split(end)[1]
  if (before === undefined || after === undefined) {
    throw new Error(`${file} has no place for a table: expected ${begin} and ${end}`)
  }
  return `${before}${begin}\n\n${make()}\n\n${end}${after}`
}

/** A table in Markdown: the first row is its head. */
export function toTable([head = [], ...rows]: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}
