import type { Suite } from './clause.ts'

export const subscribeSuite: Suite = { scenario: 'subscribe', clauses: [], realClauses: [] }
