/** What the panel shows of the suite: all of that stands in the address. */
import { field, flag, oneOf, text } from '../../address.ts'
import { exhibitNames, scenarioField } from '../../choice.ts'
import type { Clause, Clauses } from '../../exhibit.ts'

/** Every scenario's clauses, and not the chosen one's alone. */
export const everyField = field('every', flag, false)
export const failuresField = field('failing', flag, false)
/** Of the chosen scenario: whose verdict is looked at, and in which style. */
export const clauseField = field('clause', text, '')
export const byField = field('by', oneOf('', ...exhibitNames), '')

/** The clause whose verdict is looked at. `undefined`: none is, or there is none of that name. */
export function shownClause(clauses: Clauses | undefined): Clause | undefined {
  if (byField.value === '') return undefined
  return clauses?.[scenarioField.value]?.find(({ id }) => id === clauseField.value)
}
