/** The load that the server puts on itself: what may be asked for, what it tells, and that nothing is left of it. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type LoadOrder, type LoadState, loadableScenarios } from '@overlap/load/order'
import { styleNames } from '@overlap/workload'
import type { FastifyInstance } from 'fastify'
import { afterEach, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { buildApp } from '../src/app.ts'
import { programs } from '../src/programs.ts'
import { styles } from '../src/styles.ts'
import { framesOf } from './frames-of.ts'
import { type Problem, ask, closeAll, countChildren, serve } from './load-server.ts'
import { ScriptedPort } from './scripted-port.ts'
import { silent } from './silent.ts'

const PATIENT = { timeout: 15_000, interval: 10 }

afterEach(closeAll)

type Asked = Partial<LoadOrder> & Readonly<Record<string, unknown>>

const asked: Asked = { scenario: 'combine', parameters: { sku: 'A-42' }, styles: ['promises'], seconds: 1 }
const start = (url: string, order: Asked = asked) =>
  ask<LoadState & Problem>(`${url}/api/load`, 'POST', order)
const stateOf = async (url: string) => (await ask<LoadState>(`${url}/api/load`)).body
const stop = (url: string) => ask<LoadState>(`${url}/api/load`, 'DELETE')
const endOf = async (url: string) => {
  await vi.waitUntil(async () => (await stateOf(url)).state !== 'running', PATIENT)
  return stateOf(url)
}

/** That have succeeded, of `combine`. */
function runsOf(metrics: string, style: string): number {
  const labels = `scenario="combine",style="${style}",outcome="succeeded"`
  return Number(new RegExp(`^overlap_runs_total{${labels}} (\\d+)`, 'm').exec(metrics)?.[1])
}

/** All that is told until nothing more comes. */
async function listen(url: string) {
  const controller = new AbortController()
  onTestFinished(() => controller.abort())
  const response = await fetch(`${url}/api/load/events`, { signal: controller.signal })
  const told: LoadState[] = []
  const reading = (async () => {
    for await (const frame of framesOf(response)) {
      const [, data] = /^event: load\ndata: (.+)$/m.exec(frame) ?? []
      if (data) told.push(JSON.parse(data) as LoadState)
    }
  })().catch(() => {})
  return { told, reading, leave: () => controller.abort() }
}

describe('a load', () => {
  test('tells what came of each style, and what the server was like meanwhile', async () => {
    const { url } = await serve()
    expect(await stateOf(url)).toEqual({
      state: 'idle',
      order: null,
      elapsedMs: 0,
      now: null,
      styles: [],
      server: null,
    })
    const { told, leave } = await listen(url)
    const order: Asked = { ...asked, styles: [...styleNames], connections: 4 }
    const started = await start(url, order)
    expect(started.status).toBe(202)
    expect(started.body).toMatchObject({ state: 'running', order: { ...order, model: 'closed' } })
    const end = await endOf(url)
    expect(end).toMatchObject({
      state: 'finished',
      now: null,
      server: { connections: { inUse: 0, max: 1, waiting: 0 }, runs: expect.any(Number) },
    })
    expect(end.styles.map(({ style }) => style)).toEqual(styleNames)
    const metrics = await (await fetch(`${url}/metrics`)).text()
    for (const { style, outcomes, perSecond, seconds, ms, bins, lateMs } of end.styles) {
      expect(outcomes).toEqual({ succeeded: expect.any(Number), refused: 0, failed: 0, unsent: 0 })
      expect(outcomes.succeeded).toBeGreaterThan(20)
      expect(perSecond / (outcomes.succeeded / seconds)).toBeCloseTo(1, 1)
      // Those of warming up, too.
      expect(runsOf(metrics, style)).toBeGreaterThan(outcomes.succeeded)
      expect(ms?.p50).toBeLessThanOrEqual(ms?.p99 ?? 0)
      expect(bins.reduce((sum, [, count]) => sum + count, 0)).toBe(outcomes.succeeded)
      expect(lateMs).toBeNull()
    }
    await vi.waitUntil(() => told.at(-1)?.state === 'finished', PATIENT)
    leave()
    // Never more than 10 a second, but for those at both ends.
    expect(told.length).toBeGreaterThan(4)
    expect((told.length - 3) / (end.elapsedMs / 1000)).toBeLessThan(10.6)
    expect(told[0]?.state).toBe('idle')
    const loaded = told.flatMap(({ now }) => (now && !now.warmingUp ? [now.style] : []))
    expect([...new Set(loaded)]).toEqual(styleNames)
    expect(told.some(({ now }) => now?.warmingUp)).toBe(true)
    expect(told.some(({ now }) => (now?.recent?.perSecond ?? 0) > 0)).toBe(true)
    expect(await countChildren()).toBe(0)
  })

  test('that is open sends its requests at a rate', async () => {
    const { url } = await serve()
    const { told } = await listen(url)
    await start(url, { ...asked, model: 'open', perSecond: 50, seconds: 2 })
    await vi.waitUntil(() => told.some(({ now }) => now && !now.warmingUp), PATIENT)
    // The event loop stands still.
    for (const end = performance.now() + 150; performance.now() < end;);
    const [figures] = (await endOf(url)).styles
    expect(figures?.outcomes.succeeded).toBe(100)
    expect(figures?.lateMs).toBeGreaterThanOrEqual(0)
    const delays = told.flatMap(({ server }) => server?.eventLoopDelayMs ?? [])
    expect(Math.max(...delays)).toBeGreaterThan(100)
    // At times it has nothing to do, and is in time, on however busy a machine.
    expect(Math.min(...delays)).toBeLessThan(8)
  })

  test('tells refusals and failures apart', async () => {
    const admit = { maxRuns: 3, maxWaitMs: 1000, maxLagMs: 1000 }
    const { url, port } = await serve({ admit })
    await start(url, { ...asked, connections: 10 })
    port.holding = true
    const releases = setInterval(() => port.release(), 20)
    onTestFinished(() => clearInterval(releases))
    await sleep(600)
    port.error = new Error('broken')
    const [figures] = (await endOf(url)).styles
    for (const outcome of ['succeeded', 'refused', 'failed'] as const)
      expect(figures?.outcomes[outcome]).toBeGreaterThan(0)
    expect(figures?.outcomes.unsent).toBe(0)
  })

  test('is one at a time', async () => {
    const { url } = await serve()
    await start(url, { ...asked, seconds: 30 })
    const second = await start(url)
    expect(second.status).toBe(409)
    expect(second.body.detail).toContain('another load')
    const experiment = await ask<Problem>(`${url}/api/experiments/E13`, 'POST')
    expect(experiment.status).toBe(409)
    expect((await stop(url)).body.state).toBe('stopped')
    expect((await start(url)).status).toBe(202)
  })

  test('ends when it is stopped, with what had come of it, and its process with it', async () => {
    const { url } = await serve()
    await start(url, { ...asked, seconds: 30 })
    await vi.waitUntil(async () => ((await stateOf(url)).styles[0]?.outcomes.succeeded ?? 0) > 0, PATIENT)
    const { status, body } = await stop(url)
    expect(status).toBe(200)
    expect(body).toMatchObject({ state: 'stopped', now: null })
    expect(body.styles[0]?.outcomes.succeeded).toBeGreaterThan(0)
    expect(await countChildren()).toBe(0)
    expect((await stop(url)).body.state).toBe('stopped')
  })

  test('goes on when those who listen leave, and ends when the server closes', async () => {
    const { url, app } = await serve()
    const { told, leave } = await listen(url)
    await start(url, { ...asked, seconds: 30 })
    await vi.waitUntil(() => told.some(({ now }) => now !== null), PATIENT)
    leave()
    expect((await stateOf(url)).state).toBe('running')
    expect(await countChildren()).toBe(1)
    const { told: last, reading } = await listen(url)
    expect(await app.drain(10_000)).toBe(true)
    expect(await countChildren()).toBe(0)
    await app.close()
    await reading
    expect(last.at(-1)?.state).toBe('stopped')
  })

  test('that is stopped before it has begun does not begin', async () => {
    const { url, port } = await serve()
    port.holding = true
    const starting = start(url)
    await vi.waitUntil(() => port.started.length > 0, PATIENT)
    await stop(url)
    expect(await starting).toMatchObject({ status: 409 })
    expect(port.cancelled).toContain('findStock')
    expect((await stateOf(url)).state).toBe('idle')
  })
})

describe('what may be asked for', () => {
  let url: string
  let app: FastifyInstance
  beforeAll(async () => {
    app = buildApp({ port: new ScriptedPort(), styles, initialStyle: 'promises', log: silent })
    url = await app.listen({ port: 0, host: '127.0.0.1' })
    return () => app.close()
  })

  test('are the scenarios that answer once and change nothing', () => {
    const once = Object.entries(programs).filter(([, { many, method }]) => !many && method === 'GET')
    expect([...loadableScenarios].toSorted()).toEqual(once.map(([name]) => name).toSorted())
  })

  test.each<[string, unknown, string[]]>([
    ['nothing', null, ['body']],
    ['a list', [], ['body']],
    ['an empty object', {}, ['scenario', 'styles']],
    ['another member', { ...asked, url: 'http://example.com/' }, ['url']],
    ['another scenario', { ...asked, scenario: 'transaction' }, ['scenario']],
    ['no style', { ...asked, styles: [] }, ['styles']],
    ['a style twice', { ...asked, styles: ['effect', 'effect'] }, ['styles']],
    ['seven styles', { ...asked, styles: ['1', '2', '3', '4', '5', '6', '7'] }, ['styles']],
    ['a style that is none', { ...asked, styles: ['effect', 'nope'] }, ['styles']],
    ['styles that are no texts', { ...asked, styles: [1] }, ['styles']],
    ['another model', { ...asked, model: 'both' }, ['model']],
    ['a rate for a closed load', { ...asked, perSecond: 10 }, ['perSecond']],
    ['connections for an open one', { ...asked, model: 'open', connections: 1 }, ['connections']],
    ['too many connections', { ...asked, connections: 1001 }, ['connections']],
    ['no connection', { ...asked, connections: 0 }, ['connections']],
    ['too many a second', { ...asked, model: 'open', perSecond: 10_001 }, ['perSecond']],
    ['too long', { ...asked, seconds: 31 }, ['seconds']],
    ['a part of a second', { ...asked, seconds: 1.5 }, ['seconds']],
    ['a number that is a text', { ...asked, seconds: '1' }, ['seconds']],
    ['parameters that are no texts', { ...asked, parameters: { sku: 1 } }, ['parameters']],
    [
      'a style among the parameters',
      { ...asked, parameters: { sku: 'A-42', style: 'effect' } },
      ['parameters'],
    ],
    ['a trace', { ...asked, parameters: { sku: 'A-42', trace: 'true' } }, ['parameters']],
    ['a parameter that is wrong', { ...asked, parameters: { sku: '../' } }, ['parameters.sku']],
    ['none that is needed', { ...asked, parameters: {} }, ['parameters.sku']],
    ['one that there is not', { ...asked, parameters: { sku: 'A-1', port: '1' } }, ['parameters.port']],
    ['several at once', { ...asked, seconds: 0, styles: [] }, ['styles', 'seconds']],
  ])('is not %s', async (_what, body, fields) => {
    const { status, body: problem } = await ask<Problem>(`${url}/api/load`, 'POST', body)
    expect(status).toBe(400)
    expect(problem.errors?.map(({ field }) => field)).toEqual(fields)
    expect(await stateOf(url)).toMatchObject({ state: 'idle' })
  })

  test('are the most of everything', async () => {
    const { app: own, url: server } = await serve()
    const most = { ...asked, styles: [...styleNames], seconds: 30 }
    expect((await start(server, { ...most, connections: 1000 })).status).toBe(202)
    await stop(server)
    expect((await start(server, { ...most, model: 'open', perSecond: 10_000 })).status).toBe(202)
    await stop(server)
    await own.close()
  })

  test('are no runs that take too long when nothing else runs', async () => {
    const { url: server, port } = await serve()
    port.holding = true
    const timeout = AbortSignal.timeout.bind(AbortSignal)
    vi.spyOn(AbortSignal, 'timeout').mockImplementation((ms) => timeout(ms === 5000 ? 50 : ms))
    onTestFinished(() => void vi.restoreAllMocks())
    const { status, body } = await start(server)
    expect(status).toBe(400)
    expect(body.detail).toBe('parameters: expected runs that answer within 5000 ms.')
    expect(port.cancelled).toContain('findStock')
  })

  test('are no runs that fail', async () => {
    const { url: server, port } = await serve()
    port.error = new Error('broken')
    const { status, body } = await start(server)
    expect(status).toBe(500)
    expect(body.detail).toBe('A run of this load cannot be answered: The server has a defect.')
    expect((await stateOf(server)).state).toBe('idle')
  })

  test('is nothing of a server that does not listen, or is closing', async () => {
    const fresh = buildApp({ port: new ScriptedPort(), styles, initialStyle: 'promises', log: silent })
    onTestFinished(() => fresh.close())
    const post = () => fresh.inject({ method: 'POST', url: '/api/load', payload: asked })
    expect((await post()).statusCode).toBe(503)
    await fresh.drain(0)
    const late = await post()
    expect([late.statusCode, late.headers.connection]).toEqual([503, 'close'])
    expect((await fresh.inject('/api/load/events')).statusCode).toBe(503)
  })
})
