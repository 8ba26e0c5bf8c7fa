/** Where the clauses are written. Light: it loads no suite, and so it is for those who only show them. */
import { scenarios } from '@overlap/workload'

/** The file beside this one, by the name under which it is asked for: a scenario's own, and what several share. */
export const suiteFiles: ReadonlyMap<string, string> = new Map([
  ...scenarios.map(({ name }) => [name, `${name}.suite.ts`] as const),
  ['replicas', 'replicas.ts'],
  ['standing', 'standing.ts'],
  ['walk', 'walk.ts'],
])
