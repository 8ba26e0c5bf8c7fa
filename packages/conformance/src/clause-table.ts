import { suites } from './judge.ts'

/** The clauses that each wrong style fails, as `scenario: clause`, by the style's name. */
export type Findings = ReadonlyMap<string, readonly string[]>

/** Reads what one of the `*.main.ts` that put wrong styles through the suite prints. */
export function parseFindings(lines: string): Findings {
  return new Map(
    lines
      .trim()
      .split('\n')
      .map((line) => {
        const { name, failed } = JSON.parse(line) as { name: string; failed: readonly string[] }
        return [name, failed]
      }),
  )
}

/** Clause × wrong style as a table in Markdown: who is found out by which clause, in which scenarios. */
export function clauseTable(findings: Findings): string {
  /** The scenarios that have a clause, by what it claims. */
  const claims = new Map<
    string,
    { readonly id: string; readonly title: string; readonly scenarios: string[] }
  >()
  for (const { scenario, clauses } of suites) {
    for (const { id, title } of clauses) {
      const claim = claims.get(`${id}: ${title}`) ?? { id, title, scenarios: [] }
      claim.scenarios.push(scenario)
      claims.set(`${id}: ${title}`, claim)
    }
  }
  const rows = [...claims.values()].map(({ id, title, scenarios }) => {
    const failures = scenarios.map((scenario) => `${scenario}: ${id}`)
    const found = [...findings].filter(([, failed]) => failed.some((one) => failures.includes(one)))
    const where = scenarios.length === suites.length ? 'all' : scenarios.join(', ')
    return [id, title, where, found.map(([name]) => name).join('; ')]
  })
  return [['clause', 'claim', 'in', 'failed by the style that'], Array(4).fill('---'), ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n')
}
