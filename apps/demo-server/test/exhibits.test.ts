/** The naive version on the server: run by name alone, apart from the styles. The port answers at once. */
import { type ScenarioName, scenarios, styleNames } from '@overlap/workload'
import type { FastifyInstance } from 'fastify'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { buildApp } from '../src/app.ts'
import { EXHIBIT_RUNS } from '../src/routes/run.ts'
import type { Rule } from '../src/rules.ts'
import { exhibits, styles } from '../src/styles.ts'
import { ScriptedPort } from './scripted-port.ts'
import { silent } from './silent.ts'

let port: ScriptedPort
/** That of the exhibits. */
let itsPort: ScriptedPort
let app: FastifyInstance
let url: string

async function listen(rules: readonly Rule[] = []): Promise<void> {
  app = buildApp({
    port,
    styles,
    exhibits: { styles: exhibits, port: itsPort },
    initialStyle: 'promises',
    rules,
    log: silent,
  })
  url = await app.listen({ port: 0, host: '127.0.0.1' })
}

beforeEach(async () => {
  port = new ScriptedPort()
  itsPort = new ScriptedPort()
  await listen()
})
afterEach(() => app.close())

interface Report {
  readonly active: string
  readonly styles: readonly { readonly name: string }[]
  readonly exhibits: readonly { readonly name: string; readonly running: number }[]
}
const report = async () => (await (await fetch(`${url}/api/styles`)).json()) as Report
const running = async () => (await report()).exhibits[0]?.running
const swap = (style: string) =>
  fetch(`${url}/api/style`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ style }),
  })

/** What each scenario is asked. `subscribe` has no end, and comes by itself. */
const asked: Readonly<Record<Exclude<ScenarioName, 'subscribe'>, string>> = {
  sequence: 'sku=A-42',
  combine: 'sku=A-42',
  timeout: 'sku=A-42',
  retry: 'sku=A-42',
  race: 'sku=A-42',
  hedge: 'sku=A-42',
  transaction: 'sku=A-42',
  limit: 'skus=A-1,A-2,A-3&limit=2',
  stream: 'skus=A-1,A-2,A-3&limit=2',
  latest: 'skus=A-1,A-2&everyMs=50',
  batch: 'sku=A-42',
  thumbnails: 'pages=P-1,P-2,P-3&widths=100,200&limit=2',
  regulate: 'sku=A-42&keys=a,a,b&urgencies=0,7&limit=1&queue=0',
  shutdown: 'skus=A-1,A-2&closeMs=50&graceMs=0',
  echo: 'bytes=100&pauseMs=0',
}

/** Without the name of the style and what is measured. */
async function answerOf(scenario: string, style: string): Promise<string> {
  const query = asked[scenario as keyof typeof asked]
  const method = scenario === 'transaction' ? 'POST' : 'GET'
  const response = await fetch(`${url}/api/run/${scenario}?style=${style}&${query}`, { method })
  expect(response.status).toBe(200)
  const body = await response.text()
  expect(body).toContain(`"style":"${style}"`)
  return body.replaceAll(style, '').replaceAll(/"(\w+Ms|bytesReadInPause)":[\d.]+/g, '"$1"')
}

test('each scenario has a run here that asks for it', () => {
  const names = [...Object.keys(asked), 'subscribe']
  expect(names.toSorted()).toEqual(scenarios.map(({ name }) => name).toSorted())
})

test.each(Object.keys(asked))(
  'where nothing goes wrong, %s answers as it does in a style, and is counted',
  async (scenario) => {
    expect(await answerOf(scenario, 'naive')).toBe(await answerOf(scenario, 'promises'))
    expect(itsPort.openSessions).toBe(0)
    const metrics = await (await fetch(`${url}/metrics`)).text()
    expect(metrics).toContain(
      `overlap_runs_total{scenario="${scenario}",style="naive",outcome="succeeded"} 1\n`,
    )
    // The run in promises is not among them.
    expect(itsPort.started.length).toBeGreaterThan(0)
    expect(itsPort.started.length).toBe(port.started.length)
  },
)

test('subscribe sends what comes; when its client has left, the run is over, and it listens all the same', async () => {
  const left = new AbortController()
  const response = fetch(`${url}/api/run/subscribe?style=naive&channels=a,b`, { signal: left.signal })
  await vi.waitUntil(() => itsPort.listeners.size === 2)
  await itsPort.notify('b', 'hello')
  const { value } = (await (await response).body?.getReader().read()) ?? {}
  expect(new TextDecoder().decode(value)).toContain('"text":"hello"')
  left.abort()
  await vi.waitUntil(async () => (await running()) === 0)
  expect(itsPort.listeners.size).toBe(2)
})

test('when its client leaves, a run is over, and its calls are not: they keep no shutdown waiting', async () => {
  itsPort.holding = true
  const left = new AbortController()
  const answer = fetch(`${url}/api/run/combine?style=naive&sku=A-42`, { signal: left.signal })
  await vi.waitUntil(async () => (await running()) === 1)
  left.abort()
  await expect(answer).rejects.toThrow('abort')
  await vi.waitUntil(async () => (await running()) === 0)
  expect(itsPort.started).toEqual(['findStock', 'fetchReservation'])
  expect(itsPort.cancelled).toEqual([])
  expect(await app.drain(60_000)).toBe(true)
})

test('a shutdown cancels the run of a client that stays, when the grace is over', async () => {
  itsPort.holding = true
  const answer = fetch(`${url}/api/run/combine?style=naive&sku=A-42`)
  const endless = fetch(`${url}/api/run/subscribe?style=naive&channels=a`)
  await vi.waitUntil(async () => (await running()) === 2)
  expect(await app.drain(0)).toBe(false)
  expect((await answer).status).toBe(503)
  expect((await endless).status).toBe(503)
})

test('a failure of a sku that was overtaken ends the run, and not the process', async () => {
  itsPort.holding = true
  const answer = fetch(`${url}/api/run/latest?style=naive&skus=A-1,A-2&everyMs=0`)
  await vi.waitUntil(() => itsPort.started.length === 4)
  itsPort.error = new Error('lost')
  itsPort.release()
  expect((await answer).status).toBe(500)
})

test('a channel that fails is told to nobody', async () => {
  const left = new AbortController()
  const response = fetch(`${url}/api/run/subscribe?style=naive&channels=a,b`, { signal: left.signal })
  await vi.waitUntil(() => itsPort.listeners.size === 2)
  itsPort.fail('a', new Error('lost'))
  await itsPort.notify('b', 'hello')
  const { value } = (await (await response).body?.getReader().read()) ?? {}
  expect(new TextDecoder().decode(value)).toContain('"text":"hello"')
  left.abort()
})

describe('among the styles', () => {
  test('is listed apart from them, with what runs in it', async () => {
    itsPort.holding = true
    const answer = fetch(`${url}/api/run/combine?style=naive&sku=A-42`)
    await vi.waitUntil(async () => (await running()) === 1)
    const { active, styles: listed, exhibits: shown } = await report()
    expect(active).toBe('promises')
    expect(listed.map(({ name }) => name)).toEqual(styleNames)
    expect(shown).toEqual([{ name: 'naive', running: 1 }])
    const metrics = await (await fetch(`${url}/metrics`)).text()
    expect(metrics).toContain('overlap_runs_running{style="naive"} 1\n')
    itsPort.release()
    expect((await answer).status).toBe(200)
  })

  test('it can never become the active one', async () => {
    const response = await swap('naive')
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({
      errors: [
        { field: 'style', expected: expect.stringContaining(styleNames.join(', ')), received: 'naive' },
      ],
    })
    expect((await report()).active).toBe('promises')
  })

  test('it does not follow the feed', async () => {
    const response = await fetch(`${url}/api/feed?channels=a&style=naive`)
    expect(response.status).toBe(400)
  })

  test('its sources are the files that run', async () => {
    for (const { name, firstSentence } of scenarios) {
      const source = await (await fetch(`${url}/api/source/naive/${name}`)).text()
      expect(source.replaceAll('\n * ', ' ')).toContain(firstSentence)
      expect(source).toContain(' * What it ')
    }
    expect((await fetch(`${url}/api/source/naive/adapter`)).status).toBe(404)
  })

  test('the description offers it to every run', async () => {
    const { paths } = (await (await fetch(`${url}/openapi.json`)).json()) as {
      paths: Record<string, Record<string, { parameters: { name: string; schema: { enum: string[] } }[] }>>
    }
    for (const { name } of scenarios) {
      const [operation] = Object.values(paths[`/api/run/${name}`] ?? {})
      const style = operation?.parameters.find((parameter) => parameter.name === 'style')
      expect(style?.schema.enum).toEqual([...styleNames, 'naive'])
    }
  })
})

test(`of ${EXHIBIT_RUNS + 1} runs at the same time one is refused, and the styles run on`, async () => {
  itsPort.holding = true
  const runs = Array.from({ length: EXHIBIT_RUNS }, () =>
    fetch(`${url}/api/run/combine?style=naive&sku=A-42`),
  )
  await vi.waitUntil(async () => (await running()) === EXHIBIT_RUNS)
  const refused = await fetch(`${url}/api/run/sequence?style=naive&sku=A-42`)
  expect(refused.status).toBe(503)
  expect(refused.headers.get('retry-after')).toBe('5')
  expect((await fetch(`${url}/api/run/combine?sku=A-42`)).status).toBe(200)
  itsPort.holding = false
  itsPort.release()
  expect((await Promise.all(runs)).map(({ status }) => status)).toEqual(runs.map(() => 200))
  expect((await fetch(`${url}/api/run/sequence?style=naive&sku=A-42`)).status).toBe(200)
})

test('an operator’s gate holds it back as a style does, and lets nobody keep a place who has left the line', async () => {
  await app.close()
  await listen([{ header: 'foo', value: 'bar', limit: 1, perSecond: undefined, queue: 10, agingMs: 0 }])
  itsPort.holding = true
  const run = (init?: RequestInit) =>
    fetch(`${url}/api/run/combine?style=naive&sku=A-42`, { headers: { foo: 'bar' }, ...init })
  const first = run()
  await vi.waitUntil(() => itsPort.started.length === 2)
  const left = new AbortController()
  const second = run({ signal: left.signal })
  await vi.waitUntil(async () => (await running()) === 2)
  left.abort()
  await expect(second).rejects.toThrow('abort')
  const third = run()
  await vi.waitUntil(async () => (await running()) === 2)
  expect(itsPort.started).toHaveLength(2)
  itsPort.holding = false
  itsPort.release()
  expect((await first).status).toBe(200)
  expect((await third).status).toBe(200)
})
