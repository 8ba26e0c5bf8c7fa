/**
 * Puts the wrong styles that can be seen from outside through the real tier, in a process of its own as
 * in `wrong-styles.main.ts`, and prints as JSON which of its clauses each of them fails.
 */
import { suites } from './judge.ts'
import { openWorld } from './world.ts'
import { type WrongStyle, control, wrongStyles } from './wrong-styles/index.ts'

/**
 * Wrong in a way that shows in Postgres and in the ledger, and not in the promise alone. Those that are
 * wrong in one thing come first, so that it is they who prove the clause about it.
 */
const names: readonly string[] = [
  'cancels no sibling',
  'abandons its calls when the time is over',
  'takes whoever answers first, also with an error',
  'lets the losers run',
  'lets the slow one run',
  'gives up at the first failure',
  'tries nothing again',
  'tries everything again',
  'lets one more in',
  'downloads everything before it resizes anything',
  'fails with a bad page',
  'starts who has left the line',
  'lets one more through',
  'does not commit',
  'commits before it confirms',
  'confirms although there are too few',
  'lets the session open on abort',
  'abandons what runs when the grace is over',
  'counts only what is in flight',
  'leaves its calls running when its reader leaves',
  'lets an overtaken sku run on',
  'yields the newest message first',
  'goes on listening when its reader has left',
  'releases the first channel alone',
  'drops what it has no room for',
  'leaves out what has no text',
  'goes on without a channel that has failed',
  'listens to a channel when the one before it has sent something',
  'makes a query for each',
  'lets the query run when all have left',
  'takes a broken connection for the end of the input',
  'reads on while it writes',
  'takes bytes for text',
  'forgets its result',
  'abandons its calls on abort',
]
const suspects = names.flatMap((name) => wrongStyles.filter(({ style }) => style.name === name))

// What they leave behind is their fault, and not ours.
process.on('unhandledRejection', () => {})
process.on('uncaughtException', () => {})

const world = await openWorld(process.env['DATABASE_URL'])
/** One wrong style that fails a clause is proof enough: looking for what stays away takes seconds. */
const proved = new Set<string>()
const all = suites.map(({ scenario }) => scenario)
await judgeAll([{ style: control, scenarios: all }, ...suspects], '')
// On a busy machine, what a wrong style leaves running may start only after it was looked for: once more, and not again.
const claims = suites.flatMap(({ scenario, realClauses }) =>
  realClauses.map(({ title }) => `${scenario}: ${title}`),
)
if (claims.some((clause) => !proved.has(clause))) await judgeAll(suspects, ', once more')
await world.close()

async function judgeAll(
  judged: readonly Pick<WrongStyle, 'style' | 'scenarios'>[],
  note: string,
): Promise<void> {
  for (const { style, scenarios } of judged) {
    const failed: string[] = []
    for (const { scenario, realClauses } of suites) {
      if (!scenarios.includes(scenario)) continue
      for (const { title, check } of realClauses) {
        const clause = `${scenario}: ${title}`
        if (proved.has(clause)) continue
        try {
          await check(style, world)
        } catch {
          failed.push(clause)
        }
      }
    }
    for (const clause of failed) proved.add(clause)
    console.log(JSON.stringify({ name: style.name + note, failed }))
  }
}
