/** Prints the table as it stands in the README. */
import { findVerdicts, verdictTable } from './verdicts.ts'

console.log(verdictTable(await findVerdicts()))
