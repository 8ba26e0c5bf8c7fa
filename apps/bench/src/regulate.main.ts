/**
 * `npm run bench:regulate`: what each of those who wait in `regulate` costs, when few wait and when many do.
 *
 * One place, which is taken; then so many join the line, of all urgencies in turn, and leave it one by one, as
 * each work ends as soon as it has started. Measured is the time from the first to the last. The sizes take
 * turns, as often as makes them equally many in all, and the ratio is that of the medians: where it is 1, the
 * price of one does not grow with the others.
 *
 * Each subject has a process of its own, so that nobody pays for the garbage of another.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { callbacks } from '@overlap/callbacks'
import { effect } from '@overlap/effect'
import { generators } from '@overlap/generators'
import { observables } from '@overlap/observables'
import { promises } from '@overlap/promises'
import { type Call, type Style, WaitingLine } from '@overlap/workload'
import { median } from 'simple-statistics'

/** Has so many wait, and resolves when all have gone. */
type Fill = (count: number) => Promise<void>

const subjects: ReadonlyMap<string, Fill> = new Map([
  ['the line alone', fillLine],
  ...[callbacks, promises, generators, observables, effect].map((style): [string, Fill] => [
    style.name,
    (count) => fillRegulator(style, count),
  ]),
])

const { values: options } = parseArgs({
  options: {
    subject: { type: 'string' },
    few: { type: 'string', default: '100000' },
    many: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '3' },
  },
})
const [few, many, rounds] = [Number(options.few), Number(options.many), Number(options.rounds)]

if (options.subject === undefined) {
  console.log(`µs for each of those who wait\t${few}\t${many}\tratio`)
  for (const name of subjects.keys()) {
    const child = fork(import.meta.filename, [...process.argv.slice(2), '--subject', name], {
      execArgv: ['--max-old-space-size=12000'],
    })
    await once(child, 'exit')
  }
} else {
  const fill = subjects.get(options.subject)
  if (!fill) throw new RangeError(`there is no subject ${options.subject}`)
  const [ofFew, ofMany]: [number[], number[]] = [[], []]
  await measure(fill, few)
  await measure(fill, few)
  for (let round = 0; round < rounds; round++) {
    for (let n = 0; n < many; n += few) ofFew.push(await measure(fill, few))
    ofMany.push(await measure(fill, many))
  }
  const [a, b] = [median(ofFew), median(ofMany)]
  console.log([options.subject, a.toFixed(2), b.toFixed(2), (b / a).toFixed(2)].join('\t'))
}

/** CPU time in µs for each, that of the garbage collector's threads included: the machine may have other things to do. */
async function measure(fill: Fill, count: number): Promise<number> {
  collectGarbage()
  const before = process.cpuUsage()
  await fill(count)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / count
}

function collectGarbage() {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
}

async function fillLine(count: number): Promise<void> {
  const line = new WaitingLine<number>({ agingMs: 1 })
  for (let n = 0; n < count; n++) line.add(n, n % 8, performance.now())
  while (line.take(performance.now()) !== undefined);
}

async function fillRegulator(style: Style, count: number): Promise<void> {
  const regulator = style.regulate({ limit: 1, queue: count, agingMs: 1 })
  const started = Promise.withResolvers<() => void>()
  const first: Call<void, void> = (_, done) => {
    started.resolve(() => done(null))
    return () => {}
  }
  const atOnce: Call<void, void> = (_, done) => {
    queueMicrotask(() => done(null))
    return () => {}
  }
  const signal = () => new AbortController().signal
  const all = [regulator.through({ key: 'bar', urgency: 0 }, first, signal())]
  for (let n = 0; n < count; n++)
    all.push(regulator.through({ key: 'bar', urgency: n % 8 }, atOnce, signal()))
  const end = await started.promise
  end()
  await Promise.all(all)
}
