import type { Suite } from './clause.ts'

export const regulateSuite: Suite = { scenario: 'regulate', clauses: [], realClauses: [] }
