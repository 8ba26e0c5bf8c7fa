/**
 * Puts the wrong styles that can be seen from outside through the real tier, in a process of its own as
 * in `wrong-styles.main.ts`, and prints as JSON which of its clauses each of them fails.
 */
import { openWorld, realClauses } from './real-tier.ts'
import { control, wrongStyles } from './wrong-styles.ts'

/** Wrong in a way that shows in Postgres and in the ledger, and not in the promise alone. */
const names = ['cancels no sibling', 'abandons its calls on abort', 'does not ask for the reservation']
const suspects = wrongStyles.map(({ style }) => style).filter(({ name }) => names.includes(name))

// What they leave behind is their fault, and not ours.
process.on('unhandledRejection', () => {})

const world = await openWorld(process.env['DATABASE_URL'])
/** One wrong style that fails a clause is proof enough: looking for what stays away takes seconds. */
const proved = new Set<string>()
for (const style of [control, ...suspects]) {
  const failed: string[] = []
  for (const { scenario, title, check } of realClauses) {
    const clause = `${scenario}: ${title}`
    if (proved.has(clause)) continue
    try {
      await check(style, world)
    } catch {
      failed.push(clause)
    }
  }
  for (const clause of failed) proved.add(clause)
  console.log(JSON.stringify({ name: style.name, failed }))
}
await world.close()
