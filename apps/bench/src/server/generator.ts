/** The process that loads servers with `HeldLoad`, and how it is told to. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import type { Load } from './held-load.ts'
import type { Order, Told } from './held-load.main.ts'

export interface Generator {
  /** Rejects with what went wrong. `undefined`: only the connections were asked for. */
  ask(order: Order): Promise<Load | undefined>
  stop(): Promise<void>
}

export function startGenerator(): Generator {
  const child = fork(new URL('held-load.main.ts', import.meta.url), { execArgv: [] })
  const exited = once(child, 'exit')
  const early = new AbortController()
  child.once('exit', (code) => early.abort(new Error(`the load generator ended with ${code}`)))
  return {
    async ask(order) {
      child.send(order)
      const [told] = (await once(child, 'message', { signal: early.signal })) as [Told]
      if ('error' in told) throw new Error(told.error)
      return told.load
    },
    async stop() {
      if (child.exitCode === null && child.signalCode === null) child.kill()
      await exited
    },
  }
}
