/** Runs a few lines in a process of their own, with everything of this package at hand. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

export interface Child {
  readonly pid: number
  /** The first thing that it told. */
  readonly told: Promise<Record<string, string>>
  /** The next thing that it tells. */
  next(): Promise<unknown>
  /** Its exit code; `null` after a signal. */
  readonly exit: Promise<number | null>
  kill(signal: NodeJS.Signals): void
  /** As Ctrl-C does in a terminal. */
  killGroup(signal: NodeJS.Signals): void
}

/** `tell(object)` in the script sends it here. */
export async function runScript(script: string, env: NodeJS.ProcessEnv = {}): Promise<Child> {
  const index = new URL('../src/index.ts', import.meta.url).href
  const source = `
    import { forkReservationService, openPort, startPostgres, startReservationService } from ${JSON.stringify(index)}
    const tell = (object) => process.stdout.write(JSON.stringify(object) + '\\n')
    ${script}
  `
  const child = spawn(process.execPath, ['--input-type=module', '--eval', source], {
    detached: true,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  await once(child, 'spawn')
  const { pid } = child
  if (pid === undefined) throw new Error('it did not start')
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  async function next(): Promise<Record<string, string>> {
    const line = await lines.next()
    if (line.done) throw new Error('it ended without a word')
    return JSON.parse(line.value)
  }
  const exit = once(child, 'exit').then(([code]: (number | null)[]) => code ?? null)
  const told = next()
  told.catch(() => {})
  return {
    pid,
    told,
    next,
    exit,
    kill: (signal) => child.kill(signal),
    killGroup: (signal) => process.kill(-pid, signal),
  }
}

export function alive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
