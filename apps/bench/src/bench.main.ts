/**
 * `npm run bench`: measures every style, and what people would take instead, and writes `docs/results.md` with its
 * pictures and raw figures.
 *
 * `--only server,memory` measures these parts and leaves the others as they are; those that take long are measured only so.
 * `--rounds 30` is for whoever has more time; `--render` measures nothing, and writes the documents again from the raw figures.
 */
import os from 'node:os'
import { parseArgs } from 'node:util'
import { judgeAll } from './gate.ts'
import { parts } from './parts.ts'
import type { Gate } from './part.ts'
import { describeMachine, writeRaw, writeResults } from './results.ts'

const { values: options } = parseArgs({
  options: {
    only: { type: 'string' },
    rounds: { type: 'string', default: '13' },
    render: { type: 'boolean', default: false },
  },
})
const rounds = Number(options.rounds)
if (!Number.isSafeInteger(rounds) || rounds < 1)
  throw new RangeError(`--rounds: expected an integer of at least 1, got ${options.rounds}`)
const names = parts.map(({ name }) => name)
const wanted = options.render
  ? []
  : (options.only?.split(',') ?? parts.filter(({ isLong }) => !isLong).map(({ name }) => name))
const unknown = wanted.filter((name) => !names.includes(name))
if (unknown.length > 0)
  throw new RangeError(`--only: expected some of ${names.join(',')}, got ${unknown.join(',')}`)

const machine = describeMachine()
const command = ['npm run bench', ...(process.argv.length > 2 ? ['--', ...process.argv.slice(2)] : [])].join(
  ' ',
)
const startedAt = performance.now()

const gate = wanted.length === 0 ? {} : await judgeGate()
for (const part of parts.filter(({ name }) => wanted.includes(name))) {
  const about = {
    command,
    date: new Date().toISOString(),
    rounds,
    ...machine,
    loadBefore: Math.round((os.loadavg()[0] ?? 0) * 10) / 10,
  }
  const partAt = performance.now()
  const figures = await part.measure({ rounds, gate, tell: tell(part.name) })
  writeRaw(part, { about: { ...about, seconds: secondsSince(partAt) }, gate, figures })
  process.stderr.write(`\r${part.name}: ${secondsSince(partAt)} s`.padEnd(80) + '\n')
}
await writeResults(parts)
console.log(`docs/results.md, after ${secondsSince(startedAt)} s`)

function judgeGate(): Promise<Gate> {
  tell('suite')('which styles pass')
  return judgeAll()
}

/** One line, which is written again and again. */
function tell(name: string): (progress: string) => void {
  return (progress) => void process.stderr.write(`\r${name}: ${progress}`.slice(0, 79).padEnd(80))
}

function secondsSince(at: number): number {
  return Math.round((performance.now() - at) / 1000)
}
