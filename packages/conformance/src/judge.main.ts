/**
 * Judges one style, and sends each verdict to the process that has started it: see `fork-judge.ts`.
 *
 * `judge.main.ts [style module [scenario]]`; without a style, it sends what there is to judge, and ends.
 */
import os from 'node:os'
import { inspect, stripVTControlCharacters } from 'node:util'
import { Worker } from 'node:worker_threads'
import type { Style } from '@overlap/workload'
import { clausePlaces } from './clause-places.ts'
import type { JudgeMessage, SentVerdict } from './fork-judge.ts'
import { type Verdict, judge } from './judge.ts'
import { WalkError } from './walk.ts'

const MESSAGE_LENGTH = 4000

// What a faulty style leaves behind is its fault, and not ours. A rejection that nobody handles comes here too.
process.on('uncaughtException', () => {})
// Whoever has started it has something to do that is more urgent.
os.setPriority(os.constants.priority.PRIORITY_BELOW_NORMAL)
// As it is now: by the time that the thread looks, it may have changed.
new Worker(new URL('end-with-parent.main.ts', import.meta.url), { workerData: process.ppid }).unref()

try {
  await main(process.argv.slice(2))
  await send({ done: true })
  process.exit(0)
} catch (error) {
  console.error(error)
  process.exit(1)
}

async function main([name, module, scenario]: readonly string[]): Promise<void> {
  await send({ clauses: clausePlaces() })
  if (name === undefined || module === undefined) return
  const style = await load(name, module)
  let begunMs = performance.now()
  for await (const verdict of judge(style, (_clause, of) => scenario === undefined || of === scenario)) {
    await send({ verdict: toSent(verdict, performance.now() - begunMs) })
    begunMs = performance.now()
  }
}

async function load(name: string, module: string): Promise<Style> {
  // A cast, because what a module exports is not known before; the suite finds out what it is worth.
  const { [name]: style } = (await import(module)) as Readonly<Record<string, Style | undefined>>
  if (!style) throw new Error(`${module} exports no ${name}`)
  return style
}

function toSent({ scenario, clause, error }: Verdict, tookMs: number): SentVerdict {
  const sent = { scenario, clause: clause.id, held: error === undefined, ms: Math.round(tookMs * 10) / 10 }
  if (error === undefined) return sent
  const text = stripVTControlCharacters(error instanceof Error ? error.message : inspect(error))
  const message = text.length > MESSAGE_LENGTH ? `${text.slice(0, MESSAGE_LENGTH)}…` : text
  return error instanceof WalkError
    ? { ...sent, message, seed: error.seed, path: error.path }
    : { ...sent, message }
}

/** Resolves when it has been sent, so that nothing is lost when the process ends. */
function send(message: JudgeMessage): Promise<void> {
  return new Promise((resolve, reject) => {
    if (!process.send) throw new Error('this is to be started by another process: see fork-judge.ts')
    process.send(message, (error: Error | null) => (error ? reject(error) : resolve()))
  })
}
