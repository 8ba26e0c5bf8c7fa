/** How many runs are let in, and what becomes of the others. */
import { once } from 'node:events'
import http, { type IncomingMessage } from 'node:http'
import { type ScenarioName, styleNames } from '@overlap/workload'
import type { FastifyInstance } from 'fastify'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Admission } from '../src/admission.ts'
import { buildApp } from '../src/app.ts'
import { styles } from '../src/styles.ts'
import { page } from './page.ts'
import { ScriptedPort } from './scripted-port.ts'
import { silent } from './silent.ts'

const PATIENT = { timeout: 5000, interval: 5 }

describe('the limit', () => {
  const admission = (maxRuns = 1000) => new Admission(port, { maxRuns, maxWaitMs: 500, maxLagMs: 10 })
  // The port has one connection.
  const idle = { waiting: 0, waitMs: 0 }
  const crowded = (waitMs: number) => ({ waiting: 3, waitMs })
  const look = (one: Admission, running: number, database = idle, lagMs = 0) => {
    Object.assign(port, database)
    one.running = running
    one.adapt(lagMs)
  }
  let port: ScriptedPort
  beforeEach(() => {
    port = new ScriptedPort()
  })

  test('is as many as may ever run, as long as nothing waits', () => {
    const one = admission()
    look(one, 900, crowded(500), 10)
    look(one, 900, crowded(500), 10)
    expect(one.limit).toBe(1000)
  })

  test('is a tenth less than what runs while a connection has to be waited for too long', () => {
    const one = admission()
    look(one, 200, crowded(501), 0)
    expect(one.limit).toBe(180)
    look(one, 150, crowded(501), 0)
    expect(one.limit).toBe(135)
  })

  test('is not lowered by two who wait for each connection, however long that takes', () => {
    const one = admission()
    look(one, 200, { waiting: 2, waitMs: 20_000 }, 0)
    expect(one.limit).toBe(1000)
  })

  test('is looked at after 50 runs in one turn of the event loop too, and lowered at once', () => {
    const one = admission()
    for (let n = 0; n < 120; n++) one.begin()
    Object.assign(port, crowded(501))
    for (let n = 0; n < 29; n++) one.begin()
    expect(one.limit).toBe(1000)
    one.begin()
    expect(one.limit).toBe(135)
    Object.assign(port, idle)
    for (let n = 0; n < 50; n++) one.begin()
    expect(one.limit).toBe(135)
  })

  test('is at least one, so that a wait can end', () => {
    const one = admission()
    look(one, 1, crowded(10_000), 0)
    expect(one.limit).toBe(1)
  })

  test('is not lowered by one late turn of the event loop, but by two in a row', () => {
    const one = admission()
    look(one, 500, idle, 300)
    look(one, 500, idle, 10)
    look(one, 500, idle, 11)
    expect(one.limit).toBe(1000)
    look(one, 500, idle, 11)
    expect(one.limit).toBe(450)
  })

  test('is not below 100 because of the event loop', () => {
    const one = admission()
    for (let n = 0; n < 2; n++) look(one, 105, idle, 50)
    expect(one.limit).toBe(100)
  })

  test('is never above what may ever run, however few that are', () => {
    const one = admission(7)
    for (let n = 0; n < 2; n++) look(one, 7, idle, 50)
    expect(one.limit).toBe(7)
  })

  test('grows by a twentieth of itself, or of what runs, until it is where it was', () => {
    const one = admission()
    look(one, 1, crowded(501), 0)
    const seen: number[] = []
    for (let n = 0; n < 4; n++) {
      look(one, 0)
      seen.push(one.limit)
    }
    expect(seen).toEqual([2, 3, 4, 5])
    look(one, 600)
    expect(one.limit).toBe(630)
    for (let n = 0; n < 100; n++) look(one, 0)
    expect(one.limit).toBe(1000)
  })

  test('is where it was within two seconds, also with 10,000', () => {
    const one = admission(10_000)
    look(one, 1, crowded(501), 0)
    for (let ms = 0; ms < 2000; ms += 10) look(one, 0)
    expect(one.limit).toBe(10_000)
  })

  test('falls when the event loop is held up again and again, and then rises again', async () => {
    const one = admission()
    one.running = 500
    one.start()
    try {
      await vi.waitUntil(() => {
        const until = performance.now() + 40
        while (performance.now() < until);
        return one.limit < 1000
      }, PATIENT)
      await vi.waitUntil(() => one.limit === 1000, PATIENT)
    } finally {
      one.stop()
    }
  })
})

test('looks at the waits until it is stopped, and keeps no process alive', async () => {
  const port = new ScriptedPort()
  const looked = vi.spyOn(port, 'stats')
  const countTimers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
  const one = new Admission(port, { maxRuns: 10, maxWaitMs: 500, maxLagMs: 10 })
  const before = countTimers()
  one.start()
  expect(countTimers()).toBe(before)
  await vi.waitUntil(() => looked.mock.calls.length > 1, PATIENT)
  one.stop()
  const times = looked.mock.calls.length
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(looked).toHaveBeenCalledTimes(times)
})

describe('the server', () => {
  let port: ScriptedPort
  let app: FastifyInstance
  let url: string

  async function listen(admit: { maxRuns: number; maxWaitMs: number; maxLagMs: number }) {
    app = buildApp({ port, styles, initialStyle: 'promises', admit, page, log: silent })
    url = await app.listen({ port: 0, host: '127.0.0.1' })
  }
  beforeEach(() => {
    port = new ScriptedPort()
  })
  afterEach(async () => {
    port.release()
    await app.close()
  })

  const queries: Partial<Record<ScenarioName, string>> = {
    combine: 'sku=A-42',
    stream: 'skus=A-1,A-2',
    transaction: 'sku=A-42',
  }
  const run = (scenario: ScenarioName, style: string, init: RequestInit = {}) =>
    fetch(`${url}/api/run/${scenario}?style=${style}&${queries[scenario]}`, {
      method: scenario === 'transaction' ? 'POST' : 'GET',
      ...init,
    })
  const running = async () => {
    const { styles: all } = (await (await fetch(`${url}/api/styles`)).json()) as {
      styles: { running: number }[]
    }
    return all.reduce((sum, one) => sum + one.running, 0)
  }
  const metric = async (name: string) =>
    Number(new RegExp(`^${name} (.+)$`, 'm').exec(await (await fetch(`${url}/metrics`)).text())?.[1])

  test.each(styleNames)(
    'in %s, refuses one run more than may run at once, and starts nothing for it',
    async (style) => {
      await listen({ maxRuns: 3, maxWaitMs: 60_000, maxLagMs: 60_000 })
      port.holding = true
      const answers = (['combine', 'stream', 'transaction'] as const).map((scenario) => run(scenario, style))
      await vi.waitUntil(async () => (await running()) === 3, PATIENT)
      const started = [...port.started]

      for (const scenario of ['combine', 'stream', 'transaction'] as const) {
        const refused = await run(scenario, style)
        expect(refused.status).toBe(503)
        expect(Object.fromEntries(refused.headers)).toMatchObject({
          'retry-after': '1',
          'content-type': 'application/problem+json',
          'x-content-type-options': 'nosniff',
        })
        expect(refused.headers.get('connection')).not.toBe('close')
        expect(await refused.json()).toEqual({
          type: 'about:blank',
          title: 'Service Unavailable',
          status: 503,
          detail: 'As many runs are under way as the server can serve in time.',
        })
      }
      expect(port.started).toEqual(started)
      expect(port.runs).toHaveLength(3)
      expect(await running()).toBe(3)

      port.holding = false
      port.release()
      for (const answer of answers) {
        const { status, body } = await answer
        expect(status).toBe(200)
        await body?.cancel()
      }
      await vi.waitUntil(async () => (await running()) === 0, PATIENT)
      expect((await run('combine', style)).status).toBe(200)
      expect(port.openSessions).toBe(0)
      expect(await metric('overlap_runs_refused_total')).toBe(3)
      expect(await metric('overlap_runs_limit')).toBe(3)
    },
  )

  test('refuses a run however its URL is written', async () => {
    await listen({ maxRuns: 1, maxWaitMs: 60_000, maxLagMs: 60_000 })
    port.holding = true
    const held = run('combine', 'promises')
    await vi.waitUntil(async () => (await running()) === 1, PATIENT)
    for (const path of ['/%61pi/run/combine', '/api/%72un/combine', 'http://localhost/api/run/combine']) {
      const request = http.get(url, { path: `${path}?sku=A-42`, agent: false })
      const [refused] = (await once(request, 'response')) as [IncomingMessage]
      refused.resume()
      expect([path, refused.statusCode, refused.headers['retry-after']]).toEqual([path, 503, '1'])
    }
    expect(port.runs).toHaveLength(1)
    expect(await metric('overlap_runs_refused_total')).toBe(3)
    port.release()
    expect((await held).status).toBe(200)
  })

  test('answers everything else meanwhile', async () => {
    await listen({ maxRuns: 1, maxWaitMs: 60_000, maxLagMs: 60_000 })
    port.holding = true
    const held = run('combine', 'promises')
    await vi.waitUntil(async () => (await running()) === 1, PATIENT)
    expect((await run('combine', 'promises')).status).toBe(503)
    const others = ['/', '/livez', '/readyz', '/metrics', '/openapi.json', '/api/styles', '/api/scenarios']
    for (const other of others) expect([other, (await fetch(url + other)).status]).toEqual([other, 200])
    const swap = await fetch(`${url}/api/style`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: '{"style":"effect"}',
    })
    expect(swap.status).toBe(200)
    port.release()
    expect((await held).status).toBe(200)
  })

  test('counts the runs of all styles together', async () => {
    await listen({ maxRuns: styleNames.length, maxWaitMs: 60_000, maxLagMs: 60_000 })
    port.holding = true
    const held = styleNames.map((style) => run('combine', style))
    await vi.waitUntil(async () => (await running()) === styleNames.length, PATIENT)
    for (const style of styleNames) expect((await run('combine', style)).status).toBe(503)
    port.release()
    for (const one of held) expect((await one).status).toBe(200)
  })

  test('takes none for a run who follows its feed', async () => {
    await listen({ maxRuns: 1, maxWaitMs: 60_000, maxLagMs: 60_000 })
    const client = new AbortController()
    const follow = fetch(`${url}/api/feed?channels=a`, {
      headers: { accept: 'text/event-stream' },
      signal: client.signal,
    })
    expect((await follow).status).toBe(200)
    expect(await running()).toBe(1)
    expect((await run('combine', 'promises')).status).toBe(200)
    client.abort()
  })

  test('lets another run in for a client that has left', async () => {
    await listen({ maxRuns: 1, maxWaitMs: 60_000, maxLagMs: 60_000 })
    port.holding = true
    const client = new AbortController()
    const left = run('combine', 'promises', { signal: client.signal }).catch((error: unknown) => error)
    await vi.waitUntil(async () => (await running()) === 1, PATIENT)
    client.abort()
    expect(await left).toBeInstanceOf(DOMException)
    await vi.waitUntil(async () => (await running()) === 0, PATIENT)
    port.holding = false
    expect((await run('combine', 'promises')).status).toBe(200)
  })

  test('refuses runs while a connection has to be waited for too long, and not after', async () => {
    await listen({ maxRuns: 100, maxWaitMs: 500, maxLagMs: 60_000 })
    port.holding = true
    const held = Array.from({ length: 5 }, () => run('combine', 'promises'))
    await vi.waitUntil(async () => (await running()) === 5, PATIENT)
    Object.assign(port, { waiting: 3, waitMs: 501 })
    await vi.waitUntil(async () => (await metric('overlap_runs_limit')) === 4, PATIENT)
    expect((await run('combine', 'promises')).status).toBe(503)
    expect(await metric('overlap_database_wait_seconds')).toBe(0.501)
    port.waiting = 0
    port.holding = false
    await vi.waitUntil(async () => (await run('combine', 'promises')).status === 200, PATIENT)
    port.release()
    for (const one of held) expect((await one).status).toBe(200)
  })

  test('that closes says so, and not that it is overloaded', async () => {
    await listen({ maxRuns: 1, maxWaitMs: 60_000, maxLagMs: 60_000 })
    port.holding = true
    const held = run('combine', 'promises')
    await vi.waitUntil(async () => (await running()) === 1, PATIENT)
    const drained = app.drain(10_000)
    const refused = await run('combine', 'promises')
    expect(refused.status).toBe(503)
    expect(refused.headers.get('connection')).toBe('close')
    expect(await refused.json()).toMatchObject({ detail: 'The server is closing.' })
    port.release()
    expect((await held).status).toBe(200)
    expect(await drained).toBe(true)
  })

  test('looks at the waits no more once it is closed', async () => {
    const stopped = vi.spyOn(Admission.prototype, 'stop')
    await listen({ maxRuns: 1, maxWaitMs: 500, maxLagMs: 10 })
    await app.close()
    expect(stopped).toHaveBeenCalledOnce()
    stopped.mockRestore()
  })

  test('refuses nobody unless it is told to', async () => {
    app = buildApp({ port, styles, initialStyle: 'promises', log: silent })
    url = await app.listen({ port: 0, host: '127.0.0.1' })
    port.holding = true
    Object.assign(port, { waiting: 1e9, waitMs: 1e9 })
    const held = Array.from({ length: 20 }, () => run('combine', 'promises'))
    await vi.waitUntil(async () => (await running()) === 20, PATIENT)
    expect(await (await fetch(`${url}/metrics`)).text()).toContain('\noverlap_runs_limit +Inf\n')
    port.release()
    for (const one of held) expect((await one).status).toBe(200)
  })
})
