/** The server as an operator meets it: a process with an environment, signals and an exit code. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, readFile, readdir, rm } from 'node:fs/promises'
import net, { type AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { startPostgres } from '@overlap/backend'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { clients } from './feed-clients.ts'
import { listProcesses } from './processes.ts'

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url))
const PATIENT = { timeout: 20_000, interval: 20 }

let directory: string
let server: Server | undefined

beforeEach(async () => {
  directory = await mkdtemp(path.join(os.tmpdir(), 'overlap-process-'))
  // As the machine's own: Postgres may run as another user, who makes and removes its directory in it.
  await chmod(directory, 0o1777)
})
afterEach(async () => {
  server?.child.kill('SIGKILL')
  await server?.exited
  server = undefined
  await rm(directory, { recursive: true, force: true })
})

interface Server {
  readonly child: ChildProcess
  readonly exited: Promise<number | null>
  stdout: string
  stderr: string
}

/** With nothing of our own environment but what Node needs, and a directory where it leaves its traces. */
function start(env: Record<string, string> = {}): Server {
  const child = spawn(process.execPath, [main], {
    env: { PATH: process.env['PATH'], TMPDIR: directory, PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const exited = once(child, 'exit').then(([code]) => code as number | null)
  const started: Server = { child, exited, stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => (started.stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (started.stderr += text))
  server = started
  return started
}

async function urlOf(started: Server): Promise<string> {
  await vi.waitUntil(() => started.stdout.includes('\n') || started.child.exitCode !== null, PATIENT)
  const [, url] =
    /^Overlap is ready on (http:\/\/\S+) in \d+\.\d s: \w+\nIt echoes on .+\n$/.exec(started.stdout) ?? []
  if (!url) throw new Error(`it did not start: ${started.stdout}${started.stderr}`)
  return url
}

/** Whether nobody listens there. */
function isRefused(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const client = net.connect(port, '127.0.0.1', () => resolve(!client.destroy()))
    client.on('error', () => resolve(true))
  })
}

/** Its own Postgres and reservation service, by process id. */
async function servantsOf({ child }: Server): Promise<number[]> {
  const [cluster = ''] = await readdir(directory)
  const postmaster = Number.parseInt(
    await readFile(path.join(directory, cluster, 'data/postmaster.pid'), 'utf8'),
    10,
  )
  const children = (await listProcesses()).filter(({ parent }) => parent === child.pid)
  return [postmaster, ...children.map(({ pid }) => pid)]
}

async function survivors(servants: number[]): Promise<number[]> {
  const alive = new Set((await listProcesses()).map(({ pid }) => pid))
  return servants.filter((pid) => alive.has(pid))
}

async function expectNothingLeft(servants: number[]) {
  expect(servants.length).toBeGreaterThanOrEqual(2)
  await vi.waitUntil(
    async () => (await survivors(servants)).length === 0 && (await readdir(directory)).length === 0,
    PATIENT,
  )
}

describe('start', () => {
  test('with a wrong environment, tells all that is wrong and exits with 2', async () => {
    const started = start({
      PORT: 'x',
      STYLE: 'fibers',
      HOST: '0.0.0.0',
      DATABASE_URL: 'mysql://u:hunter2@h/d',
    })
    expect(await started.exited).toBe(2)
    for (const name of ['PORT', 'STYLE', 'ADMIN_TOKEN', 'DATABASE_URL'])
      expect(started.stderr).toMatch(new RegExp(`^  ${name}: expected .+, found .+$`, 'm'))
    expect(started.stderr).not.toContain('hunter2')
    expect(started.stdout).toBe('')
  })

  test(
    'with its port in use, names PORT, stops what it had started and exits with 1',
    { timeout: 20_000 },
    async () => {
      const other = net.createServer().listen(0, '127.0.0.1')
      await once(other, 'listening')
      const started = start({ PORT: String((other.address() as AddressInfo).port) })
      expect(await started.exited).toBe(1)
      expect(started.stderr).toMatch(
        /^Overlap could not start: port \d+ on 127\.0\.0\.1 is in use\. Set PORT/,
      )
      expect(started.stderr).not.toContain('    at ')
      expect(await readdir(directory)).toEqual([])
      other.close()
    },
  )

  test('with an echo port in use, names ECHO_PORT, stops what it had started and exits with 1', async () => {
    const other = net.createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    const started = start({ ECHO_PORT: String(port) })
    expect(await started.exited).toBe(1)
    expect(started.stderr).toMatch(
      new RegExp(`^Overlap could not start: port ${port} on 127\\.0\\.0\\.1 is in use\\. Set ECHO_PORT`),
    )
    expect(started.stderr).not.toContain('    at ')
    expect(await readdir(directory)).toEqual([])
    other.close()
  }, 20_000)

  test('a signal during it stops what there is by then', { timeout: 20_000 }, async () => {
    const started = start()
    await vi.waitUntil(async () => (await readdir(directory)).length > 0, PATIENT)
    started.child.kill('SIGTERM')
    expect(await started.exited).toBe(0)
    expect(await readdir(directory)).toEqual([])
    expect(started.stderr).toBe('')
  })

  test(
    'without its database it starts, says so, and recovers when the database comes',
    { timeout: 30_000 },
    async () => {
      const free = net.createServer().listen(0, '127.0.0.1')
      await once(free, 'listening')
      const { port } = free.address() as AddressInfo
      free.close()
      const started = start({ DATABASE_URL: `postgres://postgres:hunter2@127.0.0.1:${port}/postgres` })
      const url = await urlOf(started)
      expect((await fetch(`${url}/readyz`)).status).toBe(503)
      expect((await fetch(`${url}/livez`)).status).toBe(200)
      expect((await fetch(`${url}/api/run/combine?sku=A-42&dbMs=0&httpMs=0`)).status).toBe(502)

      const postgres = await startPostgres({ port })
      try {
        await vi.waitUntil(async () => (await fetch(`${url}/readyz`)).status === 200, PATIENT)
        expect((await fetch(`${url}/api/run/combine?sku=A-42&dbMs=0&httpMs=0`)).status).toBe(200)
        expect(started.stderr).not.toContain('hunter2')
        started.child.kill('SIGTERM')
        expect(await started.exited).toBe(0)
      } finally {
        await postgres.stop()
      }
    },
  )
})

describe('shutdown', () => {
  test(
    'under load, is not ready first, refuses what is new, finishes what runs and leaves nothing',
    { timeout: 30_000 },
    async () => {
      const started = start({ STYLE: 'generators', MAX_RUNS: '40' })
      const url = await urlOf(started)
      expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
      expect((await fetch(`${url}/readyz`)).status).toBe(200)
      const servants = await servantsOf(started)
      const events = await fetch(`${url}/api/events`)
      const running = Array.from({ length: 40 }, async () => {
        const response = await fetch(`${url}/api/run/combine?sku=A-42&dbMs=1500&httpMs=1500`)
        return { status: response.status, body: (await response.json()) as object }
      })
      let finished = 0
      for (const run of running) void run.then(() => finished++)
      await vi.waitUntil(async () =>
        (await (await fetch(`${url}/metrics`)).text()).includes('running{style="generators"} 40'),
      )

      const overload = await fetch(`${url}/api/run/combine?sku=A-42`)
      expect([overload.status, overload.headers.get('retry-after')]).toEqual([503, '1'])

      started.child.kill('SIGTERM')
      await vi.waitUntil(async () => (await fetch(`${url}/readyz`)).status === 503, { interval: 5 })
      const refused = await fetch(`${url}/api/run/combine?sku=A-42`)
      expect(refused.status).toBe(503)
      expect(refused.headers.get('retry-after')).toMatch(/^\d+$/)
      expect(refused.headers.get('connection')).toBe('close')
      expect(refused.headers.get('content-type')).toBe('application/problem+json')
      expect(finished).toBe(0)

      for (const { status, body } of await Promise.all(running)) {
        expect(status).toBe(200)
        expect(body).toMatchObject({ style: 'generators', result: { available: 40 } })
      }
      await events.text()
      expect(await started.exited).toBe(0)
      expect(await survivors(servants)).toEqual([])
      await expectNothingLeft(servants)
      expect(started.stdout.split('\n')).toEqual([
        expect.stringMatching(/: generators$/),
        expect.stringMatching(/^It echoes on (127\.0\.0\.1:\d+ \(\w+\)(, |$)){5}/),
        '',
      ])
      expect(started.stderr).toBe('')
    },
  )

  test(
    'tells who follows at once, and does not wait for whoever does not read',
    { timeout: 30_000 },
    async () => {
      const started = start()
      const url = await urlOf(started)
      const all = await Promise.all([
        clients['server-sent events'](url, { channels: 'news', style: 'observables' }),
        clients.WebSocket(url, { channels: 'news', style: 'effect' }),
      ])
      const deaf = await clients.WebSocket(url, { channels: 'news' })
      deaf.pause()
      await fetch(`${url}/api/feed/news`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{"text":"hello"}',
      })
      for (const { entries } of all) await vi.waitUntil(() => entries[0]?.text === 'hello', PATIENT)
      started.child.kill('SIGTERM')
      expect(await Promise.all(all.map(({ end }) => end))).toMatchObject([{ status: 503 }, { code: 1001 }])
      expect(await started.exited).toBe(0)
      expect(started.stderr).toBe('')
      deaf.resume()
    },
  )

  test('Ctrl-C that npm passes on again is one signal', { timeout: 20_000 }, async () => {
    const started = start()
    const url = await urlOf(started)
    const run = fetch(`${url}/api/run/combine?sku=A-42&dbMs=1000&httpMs=1000`)
    await vi.waitUntil(async () =>
      (await (await fetch(`${url}/metrics`)).text()).includes('running{style="promises"} 1'),
    )
    started.child.kill('SIGINT')
    await vi.waitUntil(async () => (await fetch(`${url}/readyz`)).status === 503, { interval: 1 })
    started.child.kill('SIGINT')
    expect((await run).status).toBe(200)
    expect(await started.exited).toBe(0)
  })

  test(
    'lets a transfer finish, takes no other, and resets nothing that ends in time',
    { timeout: 30_000 },
    async () => {
      const started = start()
      await urlOf(started)
      const ports = [...started.stdout.matchAll(/127\.0\.0\.1:(\d+) \(/g)].map(([, port]) => Number(port))
      expect(ports).toHaveLength(5)
      const bytes = Buffer.alloc(32 * 2 ** 20, 'echo ')
      const transfers = ports.map(async (port) => {
        const client = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true })
        client.write(bytes)
        let back = 0
        for await (const chunk of client) {
          // It has come half way: the rest is asked for after the signal.
          if (back < bytes.length / 2 && back + (chunk as Buffer).length >= bytes.length / 2) {
            halfWay++
            await closing
          }
          back += (chunk as Buffer).length
          if (back === bytes.length) client.end()
        }
        return back
      })
      let halfWay = 0
      const { promise: closing, resolve: goOn } = Promise.withResolvers<void>()
      await vi.waitUntil(() => halfWay === 5, PATIENT)
      started.child.kill('SIGTERM')
      await vi.waitUntil(() => isRefused(ports[0] ?? 0), PATIENT)
      goOn()
      expect(await Promise.all(transfers)).toEqual(ports.map(() => bytes.length))
      expect(await started.exited).toBe(0)
      expect(started.stderr).toBe('')
    },
  )

  test('a second signal ends it at once, and leaves nothing either', { timeout: 20_000 }, async () => {
    const started = start()
    const url = await urlOf(started)
    const servants = await servantsOf(started)
    const run = fetch(`${url}/api/run/combine?sku=A-42&dbMs=10000&httpMs=10000`).catch(() => 'cut off')
    await vi.waitUntil(async () =>
      (await (await fetch(`${url}/metrics`)).text()).includes('running{style="promises"} 1'),
    )
    started.child.kill('SIGTERM')
    // Not sooner: it would be taken for the same signal, passed on.
    await sleep(500)
    started.child.kill('SIGTERM')
    expect(await started.exited).toBe(1)
    expect(await run).toBe('cut off')
    await expectNothingLeft(servants)
  })
})
