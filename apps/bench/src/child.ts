/** A program of the benchmark's in a process of its own, which is talked to over IPC: one question at a time. */
import { fork } from 'node:child_process'
import { once } from 'node:events'

export interface Child {
  send(message: string): void
  /** The next message that comes. Rejects when the process ends without one. */
  next<A>(): Promise<A>
  /** Sends a message, and resolves with the next one that comes. */
  ask<A>(message: string): Promise<A>
  /** Resolves when the process has ended. Idempotent. */
  stop(): Promise<void>
}

/** @param flags For Node. */
export function startChild(
  program: URL,
  env: Readonly<Record<string, string>>,
  flags: readonly string[] = [],
): Child {
  const child = fork(program, {
    env: { ...process.env, ...env },
    execArgv: [...flags],
  })
  const exited = once(child, 'exit')
  const endedEarly = exited.then(([code]) => {
    throw new Error(`${program.pathname} has ended, with code ${code}`)
  })
  // Told to who waits for a message; nobody may.
  endedEarly.catch(() => {})

  async function next<A>(): Promise<A> {
    const [message] = (await Promise.race([once(child, 'message'), endedEarly])) as [A]
    return message
  }
  return {
    send: (message) => void child.send(message),
    next,
    ask(message) {
      const answer = next()
      child.send(message)
      // A cast: whoever asks knows what is answered.
      return answer as Promise<never>
    },
    async stop() {
      child.kill()
      await exited
    },
  }
}
