/** A process of our own that does something for one experiment, and not on the event loop of the server. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

interface Servant<A> {
  /** The first that it has said. */
  readonly said: A
  /** Resolves once the process has ended. Idempotent. */
  readonly stop: () => Promise<void>
}

/**
 * `main`: it says `{ said }` or `{ error }` over IPC, and must leave when the channel closes: then it does not outlive
 * this process, whatever ends that. Rejects when it ends, or when the signal aborts, before it has said anything.
 */
export async function forkServant<A>(
  main: URL,
  options: readonly string[],
  signal: AbortSignal,
): Promise<Servant<A>> {
  signal.throwIfAborted()
  const child = fork(fileURLToPath(main), [...options], {
    execArgv: [],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const exited = once(child, 'exit')
  // Not its channel alone: it may be at work, and would see that only later.
  const kill = () => child.kill('SIGKILL')
  const stop = async () => {
    kill()
    await exited
  }
  signal.addEventListener('abort', kill, { once: true })
  try {
    const [first] = await Promise.race([
      once(child, 'message'),
      exited.then(() => {
        throw new Error('it ended before it had said anything')
      }),
    ])
    const { said, error } = first as { said?: A; error?: string }
    if (said === undefined) throw new Error(error)
    return { said, stop }
  } catch (error) {
    await stop()
    throw signal.aborted ? signal.reason : error
  } finally {
    signal.removeEventListener('abort', kill)
  }
}
