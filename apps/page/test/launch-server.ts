/** The demo server as `npm start` runs it: with its Postgres, and on a port of its own. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'

export interface LaunchedServer {
  readonly url: string
  /** Resolves once it has ended. */
  stop(): Promise<void>
}

export async function launchServer(): Promise<LaunchedServer> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'overlap-page-'))
  const main = path.resolve(import.meta.dirname, '../../demo-server/src/main.ts')
  const child = spawn(process.execPath, [main], {
    env: {
      ...process.env,
      PORT: '0',
      ECHO_PORT: '0',
      HOST: '127.0.0.1',
      SUITE_FILE: path.join(folder, 'suite.json'),
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  const line = await Promise.race([
    once(createInterface(child.stdout), 'line').then(([text]) => String(text)),
    exited.then(() => ''),
  ])
  const [url] = /http:\/\/\S+(?= in)/.exec(line) ?? []
  if (!url) throw new Error(`the demo server did not say its address, but: ${line}`)
  return {
    url,
    async stop() {
      child.kill()
      await exited
      fs.rmSync(folder, { recursive: true })
    },
  }
}
