import type { Suite } from './clause.ts'

export const echoSuite: Suite = { scenario: 'echo', clauses: [], realClauses: [] }
