/** Judges the suite by the mutants of the five styles that it lets live: see README.md. */
import { styleNames } from '@overlap/workload'
import { explained } from './explained.ts'
import { type Mutant, judgeMutants } from './judge-mutants.ts'

const [wanted, source] = process.argv.slice(2)
const styles = styleNames.filter((name) => wanted === undefined || name === wanted)
if (styles.length === 0)
  throw new RangeError(`style: expected one of ${styleNames.join(', ')}, got ${wanted}`)

const fates = ['failed a test', 'never ended', 'does not compile', 'survived'] as const
const head = ['style', 'mutants', ...fates, 'unexplained', 'score']
const rows: (string | number)[][] = [head, head.map(() => '---')]

const tell = (one: Pick<Mutant, 'file' | 'before' | 'after'>) => `${one.file}: ${one.before} → ${one.after}`

for (const style of styles) {
  const mutants = await judgeMutants(style, source)
  const files = new Set(mutants.map(({ file }) => file))
  /** The explanations of these files, each of which is for one survivor. */
  const open = explained
    .flatMap((explanation) => explanation.mutants)
    .map(([file, before, after]) => ({ file, before, after }))
    .filter(({ file }) => files.has(file))
  const unexplained = mutants.filter((mutant) => {
    if (mutant.fate !== 'survived') return false
    const index = open.findIndex((one) => tell(one) === tell(mutant))
    if (index >= 0) open.splice(index, 1)
    return index < 0
  })
  for (const survivor of unexplained) {
    console.log(`survived: ${tell(survivor)}`)
    console.log(`  again: npm run mutants -- ${survivor.file.replace('/', ' ')}:${survivor.range}`)
  }
  // Of one mutant alone, nothing is known about the others.
  const stale = source?.includes(':') ? [] : open
  for (const one of stale) console.log(`explained, and found out or not there: ${tell(one)}`)
  if (unexplained.length + stale.length > 0) process.exitCode = 1

  const counts = fates.map((fate) => mutants.filter((mutant) => mutant.fate === fate).length)
  const survived = counts.at(-1) ?? 0
  const score = `${(100 * (1 - survived / mutants.length)).toFixed(1)} %`
  rows.push([style, mutants.length, ...counts, unexplained.length, score])
}
for (const cells of rows) console.log(`| ${cells.join(' | ')} |`)
