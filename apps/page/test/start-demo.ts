import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { createInterface } from 'node:readline'

/** The demo server as `npm start` runs it: with its Postgres, and on ports of its own. */
export async function startDemo(): Promise<{ readonly url: string; readonly stop: () => Promise<void> }> {
  const main = path.resolve(import.meta.dirname, '../../demo-server/src/main.ts')
  const child = spawn(process.execPath, [main], {
    env: { ...process.env, PORT: '0', ECHO_PORT: '0', HOST: '127.0.0.1' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  const line = await Promise.race([
    once(createInterface(child.stdout), 'line').then(([text]) => String(text)),
    exited.then(() => ''),
  ])
  const [url] = /http:\/\/\S+(?= in)/.exec(line) ?? []
  if (!url) throw new Error(`the demo server did not say its address, but: ${line}`)
  async function stop() {
    child.kill()
    await exited
  }
  return { url, stop }
}
