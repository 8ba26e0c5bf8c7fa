/** The load generator in its process, on servers of ours. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import http, { type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type TestContext, describe, expect, test, vi } from 'vitest'
import { type Load, type LoadProgress, runLoad } from '../src/index.ts'

const PATIENT = { timeout: 20_000, interval: 10 }

type Context = Pick<TestContext, 'onTestFinished'>

async function serve({ onTestFinished }: Context, handler: RequestListener) {
  const server = http.createServer(handler).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => server.close().closeAllConnections())
  const { port } = server.address() as AddressInfo
  const countConnections = () =>
    new Promise<number>((resolve) => server.getConnections((_error, count) => resolve(count)))
  return { server, url: `http://127.0.0.1:${port}`, countConnections }
}

/** Answers after `ms`, and knows how many requests were waiting at the same time. */
function waiting(ms: number) {
  const seen = { requests: 0, now: 0, most: 0 }
  const handler: RequestListener = (_request, response) => {
    seen.requests++
    seen.most = Math.max(seen.most, ++seen.now)
    setTimeout(() => {
      seen.now--
      response.end('ok')
    }, ms)
  }
  return { seen, handler }
}

/** That which loads the server at `url`. */
async function findProcess(url: string): Promise<number> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,args='])
  const line = stdout.split('\n').find((each) => each.includes('load.main') && each.includes(url))
  return Number.parseInt(line ?? '', 10)
}

const answersOf = ([report]: Awaited<ReturnType<typeof runLoad>>, status = 200) =>
  report.answers.find((answers) => answers.status === status)

describe.concurrent('a closed load', () => {
  test('sends as many requests as it is told to, never more at a time than it has connections', async (context) => {
    const { seen, handler } = waiting(100)
    const { url } = await serve(context, handler)
    const report = await runLoad({ urls: [url], connections: 10, until: { requests: 20 } })
    expect(seen).toEqual({ requests: 20, now: 0, most: 10 })
    expect(answersOf(report)?.count).toBe(20)
    expect(report[0]).toMatchObject({ failed: 0, unsent: 0, lateMs: null })
  })

  test('takes two waves for 20 requests, 10 at a time: its time is that of the server', async (context) => {
    const { url } = await serve(context, waiting(200).handler)
    const report = await runLoad({ urls: [url], connections: 10, until: { requests: 20 } })
    const [{ seconds }] = report
    expect(seconds).toBeGreaterThanOrEqual(0.39)
    // Three waves would be three times of that, on however slow a machine.
    expect((seconds * 1000) / (answersOf(report)?.ms.max ?? 0)).toBeLessThan(2.3)
  })

  test('goes on for as long as it is told to, and counts per second of that', async (context) => {
    const { seen, handler } = waiting(50)
    const { url } = await serve(context, handler)
    const report = await runLoad({ urls: [url], connections: 4, until: { seconds: 0.6 } })
    const [{ seconds }] = report
    expect(seconds).toBeGreaterThanOrEqual(0.59)
    const answers = answersOf(report)
    expect(answers?.count).toBe(seen.requests)
    expect(answers?.perSecond).toBeCloseTo(seen.requests / seconds, 5)
    expect(answers?.ms.p50).toBeGreaterThanOrEqual(49)
    expect(answers?.bins.reduce((sum, [, count]) => sum + count, 0)).toBe(seen.requests)
  })

  test('is no less with a server that ends its connections', async (context) => {
    const { url, server } = await serve(context, (_request, response) => response.end('ok'))
    server.maxRequestsPerSocket = 3
    const report = await runLoad({ urls: [url], connections: 2, until: { requests: 50 } })
    expect(report[0].failed).toBe(0)
    expect(answersOf(report)?.count).toBe(50)
  })

  test('counts what is cut off as failed, and goes on', async (context) => {
    let asked = 0
    const { url } = await serve(context, (_request, response) => {
      if (++asked % 4 === 0) response.destroy()
      else response.end('ok')
    })
    const report = await runLoad({ urls: [url], connections: 2, until: { requests: 40 } })
    expect(report[0].failed).toBe(10)
    expect(answersOf(report)?.count).toBe(30)
  })

  test('tells the statuses apart', async (context) => {
    let asked = 0
    const { url } = await serve(context, (_request, response) => {
      response.statusCode = ++asked % 4 === 0 ? 503 : 200
      response.end('some text')
    })
    const report = await runLoad({ urls: [url], connections: 2, until: { requests: 40 } })
    expect([answersOf(report, 200)?.count, answersOf(report, 503)?.count]).toEqual([30, 10])
  })

  test('sends its headers, and the path with its query', async (context) => {
    const seen: unknown[] = []
    const { url } = await serve(context, (request, response) => {
      seen.push([request.method, request.url, request.headers['foo'], request.headers.host])
      response.end()
    })
    await runLoad({ urls: [`${url}/a?b=c`], headers: { foo: 'bar' }, connections: 1, until: { requests: 1 } })
    expect(seen).toEqual([['GET', '/a?b=c', 'bar', new URL(url).host]])
  })
})

describe.concurrent('an open load', () => {
  test('sends requests at its rate, whether or not those before have been answered', async (context) => {
    const { seen, handler } = waiting(700)
    const { url } = await serve(context, handler)
    const load: Load = { urls: [url], connections: 100, perSecond: 100, until: { seconds: 0.5 } }
    const report = await runLoad(load)
    expect(seen.requests).toBe(50)
    // A closed one of two connections would be at 3.
    expect(seen.most).toBeGreaterThan(15)
    expect(report[0].lateMs).not.toBeNull()
    expect(report[0].seconds).toBeCloseTo(0.5, 1)
    // Also where all answers come only after the last request.
    expect(answersOf(report)?.perSecond).toBeGreaterThan(80)
    expect(answersOf(report)?.perSecond).toBeLessThan(110)
  })

  test('tells the rate of a server that cannot follow, and not what it still has to do afterwards', async (context) => {
    // Ten at a time, of 50 ms each: 200 a second, and 400 come.
    const line: (() => void)[] = []
    let free = 10
    const { url } = await serve(context, (_request, response) => {
      const work = () => {
        free--
        setTimeout(() => {
          response.end()
          free++
          line.shift()?.()
        }, 50)
      }
      if (free > 0) work()
      else line.push(work)
    })
    const load: Load = { urls: [url], connections: 400, perSecond: 400, until: { seconds: 1 } }
    const report = await runLoad({ ...load, patienceMs: 20_000 })
    expect(answersOf(report)?.count).toBe(400)
    expect(answersOf(report)?.perSecond).toBeLessThan(230)
  })

  test('tells the rate of what takes less than half of the time, from the first answer on', async (context) => {
    const { url } = await serve(context, waiting(300).handler)
    const load: Load = { urls: [url], connections: 200, perSecond: 100, until: { seconds: 1 } }
    const report = await runLoad(load)
    expect(answersOf(report)?.count).toBe(100)
    expect(answersOf(report)?.perSecond).toBeGreaterThan(80)
    expect(answersOf(report)?.perSecond).toBeLessThan(115)
  })

  test('does not forget the requests that a stalled server was not asked', async (context) => {
    const held: (() => void)[] = []
    let stalls = true
    const { url } = await serve(context, (_request, response) => {
      if (stalls) held.push(() => response.end())
      else response.end()
    })
    const load: Load = { urls: [url], connections: 200, perSecond: 200, until: { seconds: 0.8 } }
    const running = runLoad(load)
    await vi.waitUntil(() => held.length >= 80, PATIENT)
    stalls = false
    for (const answer of held) answer()
    const report = await running
    // Half of them came while it stalled: for them, it took from 0 to 400 ms.
    expect(answersOf(report)?.ms.p90).toBeGreaterThan(200)
    expect(answersOf(report)?.ms.max).toBeGreaterThan(350)
  })

  test('counts from when a request was due, also when it is the load itself that is late', async (context) => {
    const { seen, handler } = waiting(0)
    const { url } = await serve(context, handler)
    const load: Load = { urls: [url], connections: 200, perSecond: 100, until: { seconds: 0.8 } }
    const running = runLoad(load)
    await vi.waitUntil(() => seen.requests > 5, PATIENT)
    const pid = await findProcess(url)
    process.kill(pid, 'SIGSTOP')
    await sleep(300)
    process.kill(pid, 'SIGCONT')
    const report = await running
    expect(report[0].lateMs?.max).toBeGreaterThan(200)
    expect(answersOf(report)?.ms.max).toBeGreaterThan(200)
  })

  test('counts the requests for which there was no connection', async (context) => {
    const { seen, handler } = waiting(1000)
    const { url } = await serve(context, handler)
    const load: Load = { urls: [url], connections: 5, perSecond: 100, until: { seconds: 0.3 } }
    const report = await runLoad(load)
    expect(seen.requests).toBe(5)
    expect(report[0].unsent).toBe(25)
  })

  test('cuts off what is not answered in time, and counts it as failed', async (context) => {
    const { url } = await serve(context, () => {})
    const report = await runLoad({
      urls: [url],
      connections: 10,
      perSecond: 50,
      until: { seconds: 0.1 },
      patienceMs: 100,
    })
    expect(report).toMatchObject([{ failed: 5, unsent: 0, answers: [] }])
  })
})

describe.concurrent('several URLs', () => {
  test('are loaded in turn, forwards and backwards, and never two at a time', async (context) => {
    const order: string[] = []
    const now = new Map<string, number>()
    const asked = new Map<string, number>()
    const both = { happened: false }
    const { url } = await serve(context, (request, response) => {
      const path = request.url ?? ''
      if (order.at(-1) !== path) order.push(path)
      now.set(path, (now.get(path) ?? 0) + 1)
      asked.set(path, (asked.get(path) ?? 0) + 1)
      both.happened ||= [...now.values()].filter((count) => count > 0).length > 1
      setTimeout(() => {
        now.set(path, (now.get(path) ?? 0) - 1)
        response.end()
      }, 20)
    })
    const report = await runLoad({
      urls: [`${url}/1`, `${url}/2`],
      connections: 3,
      until: { seconds: 4 },
      warmUpMs: 100,
    })
    // Warming up, and two rounds.
    expect(order.join('')).toBe('/1/2/1/2/1')
    expect(both.happened).toBe(false)
    expect(report).toHaveLength(2)
    // Two slices of 1 s each; warming up is not counted.
    for (const [index, { seconds, answers }] of report.entries()) {
      expect(seconds).toBeGreaterThan(1.9)
      expect(asked.get(`/${index + 1}`)).toBeGreaterThan(answers[0]?.count ?? 0)
      expect(answers[0]?.perSecond).toBeCloseTo((answers[0]?.count ?? 0) / seconds, 5)
    }
  })

  test('must be of one server', async (context) => {
    const { url } = await serve(context, (_request, response) => response.end())
    const load: Load = { urls: [url, 'http://127.0.0.1:1'], connections: 1, until: { requests: 1 } }
    await expect(runLoad(load)).rejects.toThrow('urls: expected those of one server')
  })
})

describe('progress', () => {
  test('is told several times a second, and the last of it is the report', async (context) => {
    const { url } = await serve(context, waiting(10).handler)
    const told: LoadProgress[] = []
    const report = await runLoad(
      { urls: [url], connections: 2, until: { seconds: 1.1 } },
      { onProgress: (progress) => told.push(progress) },
    )
    expect(told.length).toBeGreaterThanOrEqual(4)
    expect(told.length).toBeLessThanOrEqual(8)
    expect(told.at(-1)?.report).toEqual(report)
    const counts = told.map((progress) => answersOf(progress.report)?.count ?? 0)
    expect(counts).toEqual(counts.toSorted((a, b) => a - b))
    expect(told[1]?.recent?.perSecond).toBeGreaterThan(50)
    expect(told[1]?.recent?.ms?.p50).toBeGreaterThanOrEqual(9)
  })
})

describe.concurrent('the end', () => {
  const endless = (url: string): Load => ({ urls: [url], connections: 5, until: { seconds: 600 } })

  test('an abort ends the load, and its process: no connection is left', async (context) => {
    const { seen, handler } = waiting(20)
    const { url, countConnections } = await serve(context, handler)
    const controller = new AbortController()
    const running = runLoad(endless(url), { signal: controller.signal })
    await vi.waitUntil(() => seen.requests > 5, PATIENT)
    const reason = new Error('enough')
    controller.abort(reason)
    await expect(running).rejects.toBe(reason)
    await vi.waitUntil(async () => (await countConnections()) === 0, PATIENT)
  })

  test('an aborted signal starts nothing', async (context) => {
    const { seen, handler } = waiting(1)
    const { url } = await serve(context, handler)
    const reason = new Error('no')
    await expect(runLoad(endless(url), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    expect(seen.requests).toBe(0)
  })

  test('a server that cannot be reached fails the load, and says why', async (context) => {
    const { server, url } = await serve(context, () => {})
    server.close()
    await once(server, 'close')
    await expect(runLoad(endless(url))).rejects.toThrow('ECONNREFUSED')
  })

  test('the process does not outlive who has started it, not even after SIGKILL', async (context) => {
    const { seen, handler } = waiting(20)
    const { url, countConnections } = await serve(context, handler)
    const index = fileURLToPath(new URL('../src/index.ts', import.meta.url))
    const program = `import { runLoad } from ${JSON.stringify(index)}
      await runLoad(${JSON.stringify(endless(url))})`
    const parent = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: 'ignore' })
    context.onTestFinished(() => void parent.kill('SIGKILL'))
    await vi.waitUntil(() => seen.requests > 5, PATIENT)
    parent.kill('SIGKILL')
    await vi.waitUntil(async () => (await countConnections()) === 0, PATIENT)
  })
})
