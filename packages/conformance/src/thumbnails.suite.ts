import type { Suite } from './clause.ts'

export const thumbnailsSuite: Suite = { scenario: 'thumbnails', clauses: [], realClauses: [] }
