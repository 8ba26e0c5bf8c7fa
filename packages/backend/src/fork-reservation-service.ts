/** Runs the reservation service in a process of its own, so that its work is not done on our event loop. */
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { ReservationServiceOptions } from './reservation-service.ts'

const STOP_MS = 2_000

export interface ForkedReservationService {
  /** Of each replica, without a slash at its end; `url` is that of the first. */
  readonly urls: readonly string[]
  readonly url: string
  /** Cuts off what runs. Resolves once the process has ended. Idempotent. */
  stop(): Promise<void>
}

/** The process does not keep ours alive, and does not outlive it, whatever ends ours. */
export async function forkReservationService(
  options: Pick<ReservationServiceOptions, 'replicas'> = {},
): Promise<ForkedReservationService> {
  const { replicas = 1 } = options
  const main = fileURLToPath(new URL('./reservation-service.main.ts', import.meta.url))
  const child = fork(main, [String(replicas)], {
    execArgv: [],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  // Not `once`, which would reject as well where the process cannot be started, with nobody to hear it.
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const urls = await new Promise<[string, ...string[]]>((resolve, reject) => {
    // Under `node --watch`, Node itself sends messages too: which files the child has loaded.
    child.on('message', (message) => {
      if (typeof message !== 'object' || !('urls' in message) || !Array.isArray(message.urls)) return
      const [first, ...others] = message.urls.map(String)
      if (first !== undefined) resolve([first, ...others])
    })
    child.once('error', reject)
    child.once('exit', (code) =>
      reject(new Error(`the reservation service ended at once, with code ${code}`)),
    )
  })
  child.unref()
  child.channel?.unref()

  return {
    urls,
    url: urls[0],
    async stop() {
      child.ref()
      if (child.connected) child.disconnect()
      const timeout = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
      await exited
      clearTimeout(timeout)
    },
  }
}
