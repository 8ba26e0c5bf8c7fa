import type { Suite } from './clause.ts'

export const batchSuite: Suite = { scenario: 'batch', clauses: [], realClauses: [] }
