/** Prints the fault tables as they stand in docs/reliability.md. */
import { faultTables } from './fault-tables.ts'

console.log(faultTables())
