/** Runs the reservation service in a process of its own, so that its work is not done on our event loop. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const STOP_MS = 2_000

export interface ForkedReservationService {
  /** Without a slash at its end. */
  readonly url: string
  /** Cuts off what runs. Resolves once the process has ended. Idempotent. */
  stop(): Promise<void>
}

/** The process does not keep ours alive, and does not outlive it, whatever ends ours. */
export async function forkReservationService(): Promise<ForkedReservationService> {
  const child = fork(fileURLToPath(new URL('./reservation-service.main.ts', import.meta.url)), {
    execArgv: [],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const exited = once(child, 'exit')
  const url = await new Promise<string>((resolve, reject) => {
    // Under `node --watch`, Node itself sends messages too: which files the child has loaded.
    child.on('message', (message) => {
      if (typeof message === 'object' && 'url' in message && typeof message.url === 'string')
        resolve(message.url)
    })
    child.once('error', reject)
    child.once('exit', (code) =>
      reject(new Error(`the reservation service ended at once, with code ${code}`)),
    )
  })
  child.unref()
  child.channel?.unref()

  return {
    url,
    async stop() {
      child.ref()
      if (child.connected) child.disconnect()
      const timeout = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
      await exited
      clearTimeout(timeout)
    },
  }
}
