import { suites } from './judge.ts'

/** The clauses that each wrong style fails, as `scenario: clause`, by the style's name. */
export type Findings = ReadonlyMap<string, readonly string[]>

/** Clause × wrong style as a table in Markdown: who is found out by which clause, in whichever scenario. */
export function clauseTable(findings: Findings): string {
  const titles = new Map(suites.flatMap(({ clauses }) => clauses.map(({ id, title }) => [id, title])))
  const rows = [...titles].map(([id, title]) => {
    const found = [...findings].filter(([, failed]) => failed.some((one) => one.endsWith(`: ${id}`)))
    return [id, title, found.map(([name]) => name).join('; ')]
  })
  return [['clause', 'claim', 'failed by the style that'], ['---', '---', '---'], ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n')
}
