/** What all need who start the demo server. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

/** The demo server's program, as `npm start` runs it: it reads its environment, and says on standard output where it is. */
export const demoMain = new URL('../../demo-server/src/main.ts', import.meta.url)

/** To be imported before it: collects the garbage when the process is sent a message. It needs `--expose-gc`. */
export const collector = `data:text/javascript,process.on('message',()=>gc())`

/** Where it listens, which is the first thing that it says. Rejects when it says something else, or once `signal` aborts. */
export async function addressOf(
  { stdout }: Pick<ChildProcess, 'stdout'>,
  signal?: AbortSignal,
): Promise<string> {
  if (!stdout) throw new Error('the demo server has no standard output')
  const [line] = (await once(createInterface(stdout), 'line', { signal })) as [string]
  const [url] = /http:\/\/\S+(?= in)/.exec(line) ?? []
  if (!url) throw new Error(`the demo server did not say its address, but: ${line}`)
  return url
}
