/** Starts the servers that are measured, each in a process of its own. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { addressOf, demoMain } from '../../demo-main.ts'

export interface Server {
  /** Without a path. */
  readonly url: string
  /** CPU time that its process has used so far, in µs: all of its threads. */
  cpuTime(): Promise<number>
  stop(): Promise<void>
}

/** As long as a server may take to start: several start at a time. */
const START_MS = 30_000

/** One of this folder, which says its address over IPC. `program`: its name, without `.main.ts`. */
export function startServer(program: string, env: NodeJS.ProcessEnv): Promise<Server> {
  return start(new URL(`${program}.main.ts`, import.meta.url), env, async (child, signal) => {
    const [{ url }] = (await once(child, 'message', { signal })) as [{ url: string }]
    return url
  })
}

/** The demo server as `npm start` runs it, with nothing of its own behind it. */
export function startDemo(env: NodeJS.ProcessEnv): Promise<Server> {
  return start(demoMain, { ...env, PORT: '0', HOST: '127.0.0.1', ECHO_PORT: '0' }, addressOf)
}

async function start(
  main: URL,
  env: NodeJS.ProcessEnv,
  findUrl: (child: ChildProcess, signal: AbortSignal) => Promise<string>,
): Promise<Server> {
  const child = fork(main, {
    env,
    execArgv: ['--import', new URL('tell-cpu.ts', import.meta.url).href],
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  })
  const exited = once(child, 'exit')
  const early = new AbortController()
  child.once('exit', (code) => early.abort(new Error(`${main.href} ended with ${code}`)))
  async function stop() {
    if (child.exitCode === null && child.signalCode === null) child.kill()
    await exited
  }
  try {
    const url = await findUrl(child, AbortSignal.any([early.signal, AbortSignal.timeout(START_MS)]))
    return {
      url,
      async cpuTime() {
        child.send('cpu')
        const [{ user, system }] = (await once(child, 'message', { signal: early.signal })) as [
          NodeJS.CpuUsage,
        ]
        return user + system
      },
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}
