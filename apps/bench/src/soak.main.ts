/**
 * `npm run soak`: what takes too long for `npm test`. Runs of every scenario in each style, and clients of the demo server that
 * come and go, so many of each that whatever is left behind by one shows. Prints figures, and ends with 1 if
 * anything is not as it was.
 */
import { parseArgs } from 'node:util'
import { styleNames } from '@overlap/workload'
import { findLeaks, judge, openGrounds } from './soak/leaks.ts'
import { findServerLeaks, judgeServer } from './soak/server-leaks.ts'

const { values: options } = parseArgs({
  options: {
    runs: { type: 'string', default: '20000' },
    clients: { type: 'string', default: '20000' },
  },
})
const runs = Number(options.runs)
const clients = Number(options.clients)
/** Noise is about 5, and what one scenario of sixteen keeps counts for a sixteenth. */
const bytesPerRun = 30
const samples = 20

const problems: string[] = []
const rows: Record<string, object> = {}
const grounds = await openGrounds()
try {
  for (const style of styleNames) {
    process.stderr.write(`${style}: ${runs} runs\n`)
    const leaks = await findLeaks(grounds, { styles: [style], warmUp: runs / 10, runs, samples })
    problems.push(...judge(leaks, { bytesPerRun }).map((problem) => `${style}: ${problem}`))
    rows[style] = {
      'bytes a run': leaks.bytesPerRun.toFixed(1),
      files: `${leaks.before.files} → ${leaks.after.files}`,
      'exit ms': Math.round(leaks.exitMs),
      seconds: Math.round(leaks.seconds),
      ...leaks.outcomes[0],
    }
  }
  process.stderr.write(`demo server: ${clients} clients\n`)
  const leaks = await findServerLeaks(grounds, { clients, rounds: samples })
  problems.push(
    ...judgeServer(leaks, { bytesPerClient: bytesPerRun }).map((problem) => `demo server: ${problem}`),
  )
  console.log(`${runs} runs in each style`)
  console.table(rows)
  console.log(`${clients} clients of the demo server`)
  console.table({
    before: leaks.seen[0],
    after: leaks.after,
    'bytes a client': { heapBytes: leaks.bytesPerClient },
  })
} finally {
  await grounds.stop()
}
for (const problem of problems) console.error(problem)
process.exitCode = problems.length > 0 ? 1 : 0
