export { clausePlaces } from './clause-places.ts'
export { clauseTable, parseFindings } from './clause-table.ts'
export type { Clause, Suite } from './clause.ts'
export { type Verdict, judge, suites } from './judge.ts'
