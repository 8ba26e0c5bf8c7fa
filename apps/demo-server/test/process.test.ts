/** The server as an operator meets it: a process with an environment, signals and an exit code. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, readFile, readdir, rm } from 'node:fs/promises'
import http from 'node:http'
import net, { type AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { forkReservationService, startPostgres } from '@overlap/backend'
import { styleNames } from '@overlap/workload'
import { Client } from 'pg'
import { type TestContext, beforeAll, describe, expect, test, vi } from 'vitest'
import { createDatabase } from './database.ts'
import { clients } from './feed-clients.ts'
import { listProcesses } from './processes.ts'

const { PATH, NODE_COMPILE_CACHE } = process.env
const main = fileURLToPath(new URL('../src/main.ts', import.meta.url))
// Many processes start at the same time.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })
const PATIENT = { timeout: 30_000, interval: 20 }

/** Postgres and a reservation service for those tests that are not about the server's own. */
let behind: { DATABASE_URL: string; UPSTREAM_URL: string }

beforeAll(async () => {
  const [database, service] = await Promise.all([createDatabase(), forkReservationService({ replicas: 3 })])
  behind = { DATABASE_URL: database.url, UPSTREAM_URL: service.urls.join() }
  return async () => {
    await Promise.all([database.drop(), service.stop()])
  }
})

interface Server {
  readonly child: ChildProcess
  readonly exited: Promise<number | null>
  /** Where it leaves its traces. */
  readonly directory: string
  stdout: string
  stderr: string
}

/** With nothing of our own environment but what Node needs. It is gone after the test. `command`: what runs it. */
async function start(
  { onTestFinished }: Pick<TestContext, 'onTestFinished'>,
  env: Record<string, string> = {},
  [command, ...parameters]: readonly [string, ...string[]] = [process.execPath, main],
): Promise<Server> {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'overlap-process-'))
  // As the machine's own: Postgres may run as another user, who makes and removes its directory in it.
  await chmod(directory, 0o1777)
  const child = spawn(command, parameters, {
    env: { PATH, TMPDIR: directory, NODE_COMPILE_CACHE, PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const exited = once(child, 'exit').then(([code]) => code as number | null)
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await exited
    await rm(directory, { recursive: true, force: true })
  })
  const started: Server = { child, exited, directory, stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => (started.stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (started.stderr += text))
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
async function servantsOf({ child, directory }: Server): Promise<number[]> {
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

async function expectNothingLeft({ directory }: Server, servants: number[]) {
  expect(servants.length).toBeGreaterThanOrEqual(2)
  await vi.waitUntil(
    async () => (await readdir(directory)).length === 0 && (await survivors(servants)).length === 0,
    PATIENT,
  )
}

const orders = (url: string, sku: string, query = '') =>
  fetch(`${url}/api/run/transaction?sku=${sku}${query}`, { method: 'POST' })
const metricsOf = async (url: string) => (await fetch(`${url}/metrics`)).text()
const onHandOf = async (url: string, sku: string) => {
  const response = await fetch(`${url}/api/run/batch?sku=${sku}&dbMs=0`)
  return ((await response.json()) as { result: { onHand: number } }).result.onHand
}

// First, and by itself: where nothing has been compiled yet, it is, for all others.
test('start with a wrong environment, tells all that is wrong and exits with 2', async (context) => {
  const started = await start(context, {
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

describe.concurrent('start', () => {
  test('with its port in use, names PORT, stops what it had started and exits with 1', async (context) => {
    const other = net.createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    const started = await start(context, { UPSTREAM_URL: behind.UPSTREAM_URL, PORT: String(port) })
    expect(await started.exited).toBe(1)
    expect(started.stderr).toMatch(/^Overlap could not start: port \d+ on 127\.0\.0\.1 is in use\. Set PORT/)
    expect(started.stderr).not.toContain('    at ')
    expect(await readdir(started.directory)).toEqual([])
    other.close()
  })

  test('with an echo port in use, names ECHO_PORT, stops what it had started and exits with 1', async (context) => {
    const other = net.createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    const started = await start(context, { UPSTREAM_URL: behind.UPSTREAM_URL, ECHO_PORT: String(port) })
    expect(await started.exited).toBe(1)
    expect(started.stderr).toMatch(
      new RegExp(`^Overlap could not start: port ${port} on 127\\.0\\.0\\.1 is in use\\. Set ECHO_PORT`),
    )
    expect(started.stderr).not.toContain('    at ')
    expect(await readdir(started.directory)).toEqual([])
    other.close()
  })

  test('a signal during it stops what there is by then', async (context) => {
    const started = await start(context, { UPSTREAM_URL: behind.UPSTREAM_URL })
    await vi.waitUntil(async () => (await readdir(started.directory)).length > 0, PATIENT)
    started.child.kill('SIGTERM')
    expect(await started.exited).toBe(0)
    expect(await readdir(started.directory)).toEqual([])
    expect(started.stderr).toBe('')
  })

  test('without its database it starts, says so, recovers when the database comes, and logs no secret', async (context) => {
    const free = net.createServer().listen(0, '127.0.0.1')
    await once(free, 'listening')
    const { port } = free.address() as AddressInfo
    free.close()
    const started = await start(context, {
      UPSTREAM_URL: behind.UPSTREAM_URL,
      DATABASE_URL: `postgres://postgres:hunter2@127.0.0.1:${port}/postgres`,
      ADMIN_TOKEN: 'hunter2-0123456789',
      LOG_LEVEL: 'trace',
    })
    const url = await urlOf(started)
    const send = (token: string) =>
      fetch(`${url}/api/feed/news`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
        body: '{"text":"hunter2"}',
      })
    expect((await send('hunter2')).status).toBe(401)
    expect((await send('hunter2-0123456789')).status).toBe(502)
    expect((await fetch(`${url}/readyz`)).status).toBe(503)
    expect((await fetch(`${url}/livez`)).status).toBe(200)
    expect((await fetch(`${url}/api/run/combine?sku=A-42&dbMs=0&httpMs=0`)).status).toBe(502)

    const postgres = await startPostgres({ port })
    try {
      await vi.waitUntil(async () => (await fetch(`${url}/readyz`)).status === 200, PATIENT)
      expect((await fetch(`${url}/api/run/combine?sku=A-42&dbMs=0&httpMs=0`)).status).toBe(200)
      expect((await send('hunter2-0123456789')).status).toBe(204)
      expect(started.stderr).toContain('incoming request')
      expect(started.stderr).not.toContain('hunter2')
      started.child.kill('SIGTERM')
      expect(await started.exited).toBe(0)
    } finally {
      await postgres.stop()
    }
  })

  test('with FAULTS there is a proxy before everything behind it, and it stops in order, whatever is wrong with them', async (context) => {
    const started = await start(context, { FAULTS: 'true' })
    const url = await urlOf(started)
    const servants = await servantsOf(started)
    expect((await fetch(`${url}/api/run/combine?sku=A-42&dbMs=0&httpMs=0`)).status).toBe(200)
    const { proxies } = (await (await fetch(`${url}/api/faults`)).json()) as {
      proxies: { name: string; connections: number }[]
    }
    expect(proxies.map(({ name }) => name)).toEqual(['postgres', 'service', 'replica-1', 'replica-2'])
    // To the service there are some only as long as somebody asks it.
    expect(proxies[0]?.connections).toBeGreaterThan(0)
    for (const { name } of proxies) {
      const toxics = ['upstream', 'downstream'].map((stream) => ({
        type: 'timeout',
        stream,
        attributes: { timeout: 0 },
      }))
      const response = await fetch(`${url}/api/faults/${name}`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ toxics }),
      })
      expect(response.status).toBe(200)
    }
    expect((await fetch(`${url}/api/run/timeout?sku=A-42&ms=50`)).status).toBe(504)
    started.child.kill('SIGTERM')
    expect(await started.exited).toBe(0)
    await expectNothingLeft(started, servants)
    expect(started.stderr).toBe('')
  })
})

describe.concurrent('shutdown', () => {
  test('under load, is not ready first, refuses what is new, finishes what runs and leaves nothing', async (context) => {
    const started = await start(context, { STYLE: 'generators', MAX_RUNS: '40' })
    const url = await urlOf(started)
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
    expect((await fetch(`${url}/readyz`)).status).toBe(200)
    expect((await fetch(`${url}/api/faults`)).status).toBe(404)
    const servants = await servantsOf(started)
    const events = await fetch(`${url}/api/events`)
    const running = Array.from({ length: 40 }, async () => {
      const response = await fetch(`${url}/api/run/combine?sku=A-42&dbMs=5000&httpMs=5000`)
      return { status: response.status, body: (await response.json()) as object }
    })
    let finished = 0
    for (const run of running) void run.then(() => finished++)
    await vi.waitUntil(async () => (await metricsOf(url)).includes('running{style="generators"} 40'), PATIENT)

    const overload = await fetch(`${url}/api/run/combine?sku=A-42`)
    expect([overload.status, overload.headers.get('retry-after')]).toEqual([503, '1'])

    started.child.kill('SIGTERM')
    await vi.waitUntil(async () => (await fetch(`${url}/readyz`)).status === 503, { ...PATIENT, interval: 5 })
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
    await expectNothingLeft(started, servants)
    expect(started.stdout.split('\n')).toEqual([
      expect.stringMatching(/: generators$/),
      expect.stringMatching(/^It echoes on (127\.0\.0\.1:\d+ \(\w+\)(, |$)){5}/),
      '',
    ])
    expect(started.stderr).toBe('')
  })

  test('tells who follows at once, and does not wait for whoever does not read', async (context) => {
    const started = await start(context, behind)
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
  })

  test('lets a transfer finish, takes no other, and resets nothing that ends in time', async (context) => {
    const started = await start(context, behind)
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
  })

  test('a second signal ends it at once, and leaves nothing either', async (context) => {
    const started = await start(context)
    const url = await urlOf(started)
    const servants = await servantsOf(started)
    const run = fetch(`${url}/api/run/combine?sku=A-42&dbMs=10000&httpMs=10000`).catch(() => 'cut off')
    await vi.waitUntil(async () => (await metricsOf(url)).includes('running{style="promises"} 1'), PATIENT)
    started.child.kill('SIGTERM')
    // Not sooner: it would be taken for the same signal, passed on.
    await sleep(500)
    started.child.kill('SIGTERM')
    expect(await started.exited).toBe(1)
    expect(await run).toBe('cut off')
    await expectNothingLeft(started, servants)
  })
})

describe.concurrent('kill -9', () => {
  test('leaves neither its servants nor their files', async (context) => {
    const started = await start(context)
    const url = await urlOf(started)
    const servants = await servantsOf(started)
    const order = orders(url, 'T-100', '&dbMs=10000').catch(() => 'cut off')
    await vi.waitUntil(async () => (await metricsOf(url)).includes('running{style="promises"} 1'), PATIENT)
    started.child.kill('SIGKILL')
    expect(await order).toBe('cut off')
    await expectNothingLeft(started, servants)
  })

  test('in the middle of an order leaves no lock: the next server, on the same port, takes the next order', async (context) => {
    const named = new URL(behind.DATABASE_URL)
    named.searchParams.set('application_name', 'victim')
    const first = await start(context, { ...behind, DATABASE_URL: named.href })
    const url = await urlOf(first)
    const spectator = new Client({ connectionString: behind.DATABASE_URL })
    context.onTestFinished(() => spectator.end())
    await spectator.connect()
    const sessions = async () => {
      const { rows } = await spectator.query(
        "SELECT 1 FROM pg_stat_activity WHERE application_name = 'victim'",
      )
      return rows.length
    }
    const onHand = await onHandOf(url, 'A-20')
    // It holds the row for 10 s.
    const order = orders(url, 'A-20', '&dbMs=10000').catch(() => 'cut off')
    await vi.waitUntil(async () => (await metricsOf(url)).includes('{state="lent"} 1'), PATIENT)
    await sleep(200)
    first.child.kill('SIGKILL')
    expect(await order).toBe('cut off')
    // Postgres looks every 50 ms whether its client is still there, and not only at the end of the query.
    await vi.waitUntil(async () => (await sessions()) === 0, { timeout: 5000 })
    const second = await start(context, { ...behind, PORT: new URL(url).port })
    expect(await urlOf(second)).toBe(url)
    expect((await orders(url, 'A-20', '&dbMs=0&httpMs=0')).status).toBe(200)
    expect(await onHandOf(url, 'A-20')).toBe(onHand - 1)
  })
})

describe.concurrent('while it runs', () => {
  test('it may be stopped for seconds: then each run ends once, and no order is made twice', async (context) => {
    const started = await start(context, behind)
    const url = await urlOf(started)
    const onHand = await onHandOf(url, 'A-19')
    const ask = (route: string) => styleNames.map((style) => fetch(`${url}/api/run/${route}&style=${style}`))
    const late = ask('timeout?sku=A-42&ms=1000&dbMs=10000&httpMs=10000')
    const finishing = [
      ...ask('combine?sku=A-42&dbMs=800&httpMs=800'),
      ...styleNames.map((style) => orders(url, 'A-19', `&dbMs=200&style=${style}`)),
    ]
    await vi.waitUntil(
      async () => [...(await metricsOf(url)).matchAll(/runs_running{.*} [1-9]/g)].length === 5,
      PATIENT,
    )
    started.child.kill('SIGSTOP')
    const meanwhile = ask('combine?sku=A-42&dbMs=0&httpMs=0')
    await sleep(2500)
    started.child.kill('SIGCONT')
    const statuses = async (answers: Promise<Response>[]) =>
      new Set((await Promise.all(answers)).map(({ status }) => status))
    expect(await statuses(late)).toEqual(new Set([504]))
    expect(await statuses([...finishing, ...meanwhile])).toEqual(new Set([200]))
    expect(await onHandOf(url, 'A-19')).toBe(onHand - styleNames.length)
    const metrics = await metricsOf(url)
    for (const style of styleNames)
      for (const [scenario, outcome, count] of [
        ['timeout', 'failed', 1],
        ['timeout', 'succeeded', 0],
        ['combine', 'succeeded', 2],
        ['transaction', 'succeeded', 1],
        ['transaction', 'failed', 0],
      ])
        expect(metrics).toContain(
          `overlap_runs_total{scenario="${scenario}",style="${style}",outcome="${outcome}"} ${count}\n`,
        )
    await vi.waitUntil(async () => (await metricsOf(url)).includes('{state="lent"} 0'), PATIENT)
    expect((await fetch(`${url}/readyz`)).status).toBe(200)
    expect(started.stderr).toBe('')
  })

  test('the wall clock may jump: time limits, retries, rates and waits are none the longer and none the shorter', async (context) => {
    const jumping = `data:text/javascript,${encodeURIComponent(`
        const Real = Date
        let offset = 0
        let step = -3_600_000
        globalThis.Date = class extends Real {
          constructor(...given) { if (given.length === 0) super(Real.now() + offset); else super(...given) }
          static now() { return Real.now() + offset }
        }
        setInterval(() => { offset += step }, 10).unref()
        process.on('SIGWINCH', () => { step = -step })
      `)}`
    const started = await start(context, behind, [process.execPath, '--import', jumping, main])
    const url = await urlOf(started)
    // How many ms each takes at least. At most, they take several times as long: an hour would be another matter.
    const timed = [
      ['timeout?sku=A-42&ms=300&dbMs=10000', 504, 300],
      ['retry?sku=A-42&httpMs=0&failures=2&baseMs=100&capMs=100', 200, 0],
      ['hedge?sku=A-42&replicaMs=9000,0&delayMs=200', 200, 200],
      ['batch?sku=A-42&dbMs=0&windowMs=200', 200, 200],
      ['shutdown?skus=A-42&dbMs=9000&closeMs=100&graceMs=200', 200, 300],
      ['regulate?sku=A-42&httpMs=0&keys=a,a,a&perSecond=10', 200, 200],
      ['latest?skus=A-1,A-2,A-3&dbMs=0&httpMs=0&everyMs=100', 200, 200],
    ] as const
    const ask = async (route: string) => {
      const began = performance.now()
      const response = await fetch(url + route, { signal: AbortSignal.timeout(20_000) })
      await response.text()
      return { status: response.status, ms: performance.now() - began }
    }
    // An hour back every 10 ms, and then an hour ahead.
    for (let direction = 0; direction < 2; direction++) {
      const answers = styleNames.flatMap((style) => [
        ...timed.map(async ([query, status, least]) => {
          const answer = await ask(`/api/run/${query}&style=${style}`)
          return { query, style, least, wanted: status, ...answer }
        }),
        ask(`/api/feed?channels=clock&waitMs=300&style=${style}`).then((answer) => {
          return { query: 'feed', style, least: 300, wanted: 200, ...answer }
        }),
      ])
      for (const { query, style, status, wanted, least, ms } of await Promise.all(answers)) {
        expect(`${style} ${query} ${status}`).toBe(`${style} ${query} ${wanted}`)
        // A timer may be early by less than one.
        expect(ms).toBeGreaterThan(least - 1)
        expect(ms).toBeLessThan(8000)
      }
      expect((await fetch(`${url}/readyz`)).status).toBe(200)
      started.child.kill('SIGWINCH')
    }
  })

  test('it may run out of files: who is not served is told so or cut off, and it serves again afterwards', async (context) => {
    const started = await start(context, behind, [
      '/bin/sh',
      '-c',
      'ulimit -n 64 && exec "$0" "$1"',
      process.execPath,
      main,
    ])
    const url = await urlOf(started)
    // Each over a connection of its own, which it takes with it when it goes.
    const ask = async () => {
      const request = http.get(`${url}/api/run/combine?sku=A-42&dbMs=200&httpMs=200`, { agent: false })
      try {
        const [response] = (await once(request, 'response')) as [http.IncomingMessage]
        response.resume()
        return response.statusCode
      } catch {
        return 'cut off'
      }
    }
    const outcomes = await Promise.all(Array.from({ length: 150 }, ask))
    expect(outcomes.filter((outcome) => outcome !== 200)).not.toEqual([])
    for (const outcome of outcomes) expect([200, 502, 503, 504, 'cut off']).toContain(outcome)
    await vi.waitUntil(async () => (await ask()) === 200, PATIENT)
    expect(await Promise.all(Array.from({ length: 3 }, ask))).toEqual([200, 200, 200])
    started.child.kill('SIGTERM')
    expect(await started.exited).toBe(0)
  })

  test('nobody need read what it prints', async (context) => {
    const free = net.createServer().listen(0, '127.0.0.1')
    await once(free, 'listening')
    const { port } = free.address() as AddressInfo
    free.close()
    const started = await start(context, { ...behind, PORT: String(port), LOG_LEVEL: 'trace' })
    started.child.stdout?.destroy()
    started.child.stderr?.destroy()
    const url = `http://127.0.0.1:${port}`
    await vi.waitUntil(
      () =>
        fetch(`${url}/readyz`).then(
          ({ ok }) => ok,
          () => false,
        ),
      PATIENT,
    )
    for (let i = 0; i < 3; i++)
      expect((await fetch(`${url}/api/run/combine?sku=A-42&dbMs=0&httpMs=0`)).status).toBe(200)
    started.child.kill('SIGTERM')
    expect(await started.exited).toBe(0)
  })

  test('its style may be swapped 20 times under load, and swaps may fail: no run does', async (context) => {
    const started = await start(context, behind)
    const url = await urlOf(started)
    const swap = (body: string, type = 'application/json') =>
      fetch(`${url}/api/style`, { method: 'PUT', headers: { 'content-type': type }, body })
    const activeStyle = async () => {
      const response = await fetch(`${url}/api/run/combine?sku=A-42&dbMs=0&httpMs=0`)
      return ((await response.json()) as { style: string }).style
    }
    const over = new AbortController()
    const seen = new Map<string, number>()
    const load = Array.from({ length: 20 }, async (_, index) => {
      while (!over.signal.aborted) {
        const delay = index % 2 ? 20 : 10
        const response = await fetch(`${url}/api/run/combine?sku=A-42&dbMs=${delay}&httpMs=${delay}`)
        const { style, result } = (await response.json()) as { style: string; result: object }
        expect({ status: response.status, ...result }).toMatchObject({ status: 200, available: 40 })
        seen.set(style, (seen.get(style) ?? 0) + 1)
      }
    })
    for (let i = 0; i < 20; i++) {
      const style = styleNames[i % styleNames.length] ?? ''
      expect((await swap(JSON.stringify({ style }))).status).toBe(200)
      expect(await activeStyle()).toBe(style)
      const failed = [swap('{"style":"fibers"}'), swap('{"style":'), swap('{}', 'text/plain')]
      expect((await Promise.all(failed)).map(({ status }) => status)).toEqual([400, 400, 415])
      expect(await activeStyle()).toBe(style)
    }
    // All at once: one of them is the last.
    const storm = styleNames.map((style) => swap(JSON.stringify({ style })))
    expect(new Set((await Promise.all(storm)).map(({ status }) => status))).toEqual(new Set([200]))
    expect(styleNames).toContain(await activeStyle())
    over.abort()
    await Promise.all(load)
    expect([...seen.keys()].toSorted()).toEqual(styleNames.toSorted())
    expect(await metricsOf(url)).not.toMatch(/outcome="(failed|cancelled)"} [1-9]/)
    expect(started.stderr).toBe('')
  })
})

// By itself, because it must be quick: signals that are further apart are two.
describe.concurrent('the naive version', () => {
  test('leaves its query running, and ends neither a run of a style nor the server, whatever fails in it', async (context) => {
    const name = 'overlap-naive'
    const database = new URL(behind.DATABASE_URL)
    database.searchParams.set('application_name', name)
    const started = await start(context, {
      ...behind,
      DATABASE_URL: database.href,
      FAULTS: 'true',
      POOL_MAX: '1',
    })
    const url = await urlOf(started)
    const spectator = new Client({ connectionString: behind.DATABASE_URL })
    await spectator.connect()
    context.onTestFinished(() => spectator.end())
    const sessions = async (state: string) => {
      const { rows } = await spectator.query<{ count: number }>(
        'SELECT count(*)::int AS count FROM pg_stat_activity WHERE application_name = $1 AND state = $2',
        [name, state],
      )
      return rows[0]?.count
    }
    const setService = (enabled: boolean) =>
      fetch(`${url}/api/faults/service`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ enabled, toxics: [] }),
      })
    const combine = async (style: string, dbMs: number) =>
      (await fetch(`${url}/api/run/combine?style=${style}&sku=A-42&dbMs=${dbMs}`)).status

    expect((await setService(false)).status).toBe(200)
    // The service is not there, and so the answer is, long before that of the database.
    expect(await combine('promises', 10_000)).toBe(502)
    await vi.waitUntil(async () => (await sessions('active')) === 0, PATIENT)
    // Its connection may still have to be made: then the query even begins after the answer.
    expect(await combine('naive', 10_000)).toBe(502)
    await vi.waitUntil(async () => (await sessions('active')) === 1, PATIENT)

    // The styles have one connection, and it is theirs: they do not wait for that query.
    expect(await onHandOf(url, 'A-42')).toBe(42)
    expect(await sessions('active')).toBe(1)

    // Whatever it is asked, it fails, or its client leaves.
    const order = await orders(url, 'A-18', '&style=naive&dbMs=0')
    expect(order.status).toBe(502)
    expect(await sessions('idle in transaction')).toBe(1)
    const failing = [
      'sequence?sku=A-42',
      'timeout?sku=A-42&ms=1',
      'retry?sku=A-42&attempts=100&baseMs=10&capMs=10',
      'race?sku=A-42&replicaMs=0',
      'hedge?sku=A-42&replicaMs=0',
      'limit?skus=A-1,A-2,A-3&limit=2',
      'stream?skus=A-1,A-2,A-3&limit=2',
      'latest?skus=A-1,A-2,A-3&everyMs=1',
      'batch?sku=nobody&windowMs=1',
      'thumbnails?pages=P-1,P-2',
      'subscribe?channels=a',
      'regulate?sku=A-42',
      'shutdown?skus=A-1,A-2&closeMs=1&graceMs=0',
      'echo?bytes=8388608&pauseMs=10000',
    ]
    for (const route of failing) {
      const signal = AbortSignal.timeout(200)
      const answer = fetch(`${url}/api/run/${route}&style=naive`, { signal })
      await answer.then((response) => response.text()).catch(() => {})
    }
    expect((await setService(true)).status).toBe(200)
    expect(await combine('effect', 0)).toBe(200)

    started.child.kill('SIGTERM')
    expect(await started.exited).toBe(0)
    expect(started.stderr).toBe('')
    // Postgres looks every 50 ms whether its client is still there. Left alone, the query would go on for longer.
    await vi.waitUntil(async () => (await sessions('active')) === 0, { timeout: 3000 })
  })
})

describe('Ctrl-C', () => {
  test('that npm passes on again is one signal', async (context) => {
    const started = await start(context, behind)
    const url = await urlOf(started)
    const run = fetch(`${url}/api/run/combine?sku=A-42&dbMs=1000&httpMs=1000`)
    await vi.waitUntil(async () => (await metricsOf(url)).includes('running{style="promises"} 1'), PATIENT)
    started.child.kill('SIGINT')
    await vi.waitUntil(async () => (await fetch(`${url}/readyz`)).status === 503, { ...PATIENT, interval: 1 })
    started.child.kill('SIGINT')
    expect((await run).status).toBe(200)
    expect(await started.exited).toBe(0)
  })
})
