/** The talks' measurements on this server. All of them, and their times: `curl -X POST …/api/experiments/E1` to `E14`. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { ExperimentResult } from '@overlap/load/experiments'
import type { Style } from '@overlap/workload'
import { afterEach, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { defaultRules } from '../src/rules.ts'
import { forkServant } from '../src/servant.ts'
import { styles } from '../src/styles.ts'
import { startBackend } from './backend.ts'
import { type Problem, ask, closeAll, countChildren, serve } from './load-server.ts'
import { listProcesses } from './processes.ts'

const PATIENT = { timeout: 15_000, interval: 10 }

let backend: Awaited<ReturnType<typeof startBackend>>
/** Those of the backend. */
let others: number
beforeAll(async () => {
  backend = await startBackend(20)
  others = await countChildren()
  return () => backend.stop()
})
afterEach(closeAll)

const run = (url: string, id: string) => ask<ExperimentResult>(`${url}/api/experiments/${id}`, 'POST')

describe('an experiment', () => {
  test('tells what the talks measured, and how it is made here', async () => {
    const { url } = await serve()
    const { status, body } = await ask<{ id: string; ratio: object | null }[]>(`${url}/api/experiments`)
    expect(status).toBe(200)
    expect(body).toHaveLength(14)
    expect(body[5]).toMatchObject({ id: 'E6', ratio: { of: 'E4 / E6', holds: 'about' } })
    expect(body[0]).toMatchObject({ id: 'E1', ratio: null, floor: null })
  })

  test('that there is not is not found', async () => {
    const { url } = await serve()
    const { status, body } = await ask<Problem>(`${url}/api/experiments/E15`, 'POST')
    expect([status, body.errors]).toEqual([
      404,
      [{ field: 'id', expected: 'one of E1 to E14', received: 'E15' }],
    ])
  })

  test('E6: waits overlap', async () => {
    const { url } = await serve({ port: backend.port })
    const { status, body } = await run(url, 'E6')
    expect(status).toBe(200)
    expect(body).toMatchObject({
      id: 'E6',
      parts: [{ label: 'one after the other' }, { label: 'at the same time' }],
    })
    // Two on an idle machine, and less on a busy one: there, it may well not be held, and says so.
    const ratio = body.ratio ?? 0
    expect(ratio).toBeGreaterThan(1.3)
    expect(body.held).toBe(Math.abs(ratio / (1.26 / 0.663) - 1) <= 0.15)
    expect(body.parts[0]?.seconds).toBeGreaterThanOrEqual(1.2)
  })

  test('E13: whoever is first ready is first answered', async () => {
    const { url } = await serve({ port: backend.port })
    const { body } = await run(url, 'E13')
    expect(body).toMatchObject({ note: 'fast, fast, middling, slow', ratio: null, held: true })
  })

  test('E13 is not held when all take the same time, in whatever order they come', async () => {
    const { url, port } = await serve()
    port.holding = true
    const running = run(url, 'E13')
    // The slow one is released first.
    await vi.waitUntil(() => port.runs.length === 4, PATIENT)
    await vi.waitUntil(() => port.started.length === 8, PATIENT)
    port.release()
    expect((await running).body.held).toBe(port.runs[0]?.httpMs !== 900)
  })

  test('E12: no job is lost', async () => {
    const { url } = await serve({ port: backend.port })
    const { body } = await run(url, 'E12')
    expect(body).toMatchObject({ note: '100 of 100 jobs finished', expected: 1 })
    expect(body.ratio).toBeGreaterThanOrEqual(1)
  })

  test('E12 is not held when jobs are lost, in whatever time', async () => {
    const hasty = styles.map((style): Style => ({
      ...style,
      shutdown: (port, input) => style.shutdown(port, { ...input, graceMs: 850 }),
    }))
    const { url, port } = await serve({ styles: hasty })
    port.holding = true
    const { body } = await run(url, 'E12')
    expect(body.ratio).toBeGreaterThan(0.9)
    expect(body).toMatchObject({ note: '0 of 100 jobs finished', held: false })
  })

  test('E1 has no shape to come back', async () => {
    const { url } = await serve()
    const { body } = await run(url, 'E1')
    expect(body).toMatchObject({ ratio: null, expected: null, held: null })
    expect(body.note).toMatch(/^\d+ requests\/s$/)
  })

  test('E8 needs its rule, and the first two a database that another process can be told of', async () => {
    const rules = defaultRules.map((rule) => ({ ...rule, limit: 3 }))
    const { url } = await serve({ rules })
    expect((await run(url, 'E8')).status).toBe(409)
    expect((await run(url, 'E2')).status).toBe(503)
    // It is over with that: another one may begin.
    expect((await run(url, 'E2')).status).toBe(503)
  })

  test('ends when its client leaves, and what it has started with it', async () => {
    const { url, port } = await serve()
    port.holding = true
    const controller = new AbortController()
    const running = ask(`${url}/api/experiments/E4`, 'POST', undefined, controller.signal)
    await vi.waitUntil(() => port.started.length >= 10, PATIENT)
    expect((await run(url, 'E13')).status).toBe(409)
    controller.abort()
    await expect(running).rejects.toThrow('abort')
    await vi.waitUntil(async () => (await countChildren()) === others, PATIENT)
    // The next one may begin.
    await vi.waitUntil(async () => (await run(url, 'E2')).status === 503, PATIENT)
  })

  test('ends when the server closes', async () => {
    const { url, port, app } = await serve()
    port.holding = true
    const running = run(url, 'E4')
    await vi.waitUntil(() => port.started.length >= 10, PATIENT)
    await app.drain(0)
    expect((await running).status).toBe(503)
    expect(await countChildren()).toBe(others)
  })

  test('of a blocking call waits for one after the other, and of the other for all together', async () => {
    const main = new URL('../src/blocking-server.main.ts', import.meta.url)
    const { signal } = new AbortController()
    const { said, stop: end } = await forkServant<string>(main, [...backend.urls], signal)
    onTestFinished(end)
    const time = async (path: string) => {
      const began = performance.now()
      const answers = await Promise.all([1, 2, 3].map(() => ask(`${said}${path}`)))
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
      return performance.now() - began
    }
    // Connected, and compiled.
    await time('/asynchronous')
    expect((await time('/blocking')) / (await time('/asynchronous'))).toBeGreaterThan(2)
    expect(await ask(`${said}/blocking`)).toEqual({
      status: 200,
      body: { stock: { sku: 'A-42', onHand: 42 } },
    })
  })

  test('whose process has been left alone does not live on, not even after SIGKILL', async () => {
    const quote = (name: string) => JSON.stringify(new URL(`../src/${name}`, import.meta.url).href)
    const program = `import { forkServant } from ${quote('servant.ts')}
      const urls = ${JSON.stringify(backend.urls)}
      const { said } = await forkServant(new URL(${quote('blocking-server.main.ts')}), urls, new AbortController().signal)
      console.log(said)`
    const parent = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    onTestFinished(() => void parent.kill('SIGKILL'))
    const [line] = (await once(createInterface(parent.stdout), 'line')) as [string]
    expect((await ask(`${line}/asynchronous`)).status).toBe(200)
    const servants = (await listProcesses()).filter(({ parent: own }) => own === parent.pid)
    const left = async () => {
      const alive = new Set((await listProcesses()).map(({ pid }) => pid))
      return servants.filter(({ pid }) => alive.has(pid))
    }
    onTestFinished(async () => {
      for (const { pid } of await left()) process.kill(pid, 'SIGKILL')
    })
    expect(servants).toHaveLength(1)
    parent.kill('SIGKILL')
    await vi.waitUntil(async () => (await left()).length === 0, PATIENT)
  })

  test('whose process cannot start says why, and leaves nothing', async () => {
    const main = new URL('../src/blocking-server.main.ts', import.meta.url)
    const { signal } = new AbortController()
    const nobody = ['postgres://postgres@127.0.0.1:1/postgres', 'http://127.0.0.1:1']
    await expect(forkServant(main, nobody, signal)).rejects.toThrow(/ECONNREFUSED|connect/)
    await expect(forkServant(main, nobody, AbortSignal.abort(new Error('no')))).rejects.toThrow('no')
    expect(await countChildren()).toBe(others)
  })

  test('whose process says nothing ends when it is aborted, and leaves nothing', async () => {
    const main = new URL('./mute.main.ts', import.meta.url)
    const late = new AbortController()
    const forking = forkServant(main, [], late.signal)
    await vi.waitUntil(async () => (await countChildren()) > others, PATIENT)
    late.abort(new Error('too late'))
    await expect(forking).rejects.toBe(late.signal.reason)
    expect(await countChildren()).toBe(others)
  })
})
