/** Runs of the suite that the server starts, and what is told and kept of them. */
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import type { ClausePlace, SentVerdict, judgeInChild } from '@overlap/conformance/fork-judge'
import type { FastifyInstance } from 'fastify'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { buildApp } from '../src/app.ts'
import { styles } from '../src/styles.ts'
import { type SuiteReport, SuiteRuns } from '../src/suite-runs.ts'
import { ScriptedPort } from './scripted-port.ts'
import { silent } from './silent.ts'

const PATIENT = { timeout: 30_000, interval: 20 }

let directory: string
let file: string

beforeEach(async () => {
  directory = await mkdtemp(path.join(os.tmpdir(), 'overlap-suite-'))
  file = path.join(directory, 'cache', 'suite.json')
  return () => rm(directory, { recursive: true, force: true })
})

const clauses: readonly ClausePlace[] = [
  { scenario: 'sequence', id: 'result', title: 'answers', file: 'standing', line: 1 },
  { scenario: 'sequence', id: 'any schedule', title: 'walks', file: 'walk', line: 2 },
  { scenario: 'combine', id: 'result', title: 'answers', file: 'standing', line: 1 },
]
const held = (scenario: 'sequence' | 'combine', clause: string): SentVerdict => ({
  scenario,
  clause,
  held: true,
  ms: 1,
})
const failed: SentVerdict = {
  ...held('sequence', 'any schedule'),
  held: false,
  message: 'something else runs',
  seed: 42,
  path: '7:1',
}

/** Judges as the test says: each style waits until its verdicts have been sent, and it is let go. */
class Judges {
  readonly begun: { style: string; scenario: string | undefined }[] = []
  #current: { style: string; send: (verdict: SentVerdict) => void; end: (error?: Error) => void } | undefined

  readonly judge: typeof judgeInChild = ({ style, scenario, signal, onVerdict }) => {
    this.begun.push({ style, scenario })
    return new Promise<void>((resolve, reject) => {
      this.#current = { style, send: onVerdict, end: (error) => (error ? reject(error) : resolve()) }
      const abort = () => reject(signal?.reason as Error)
      if (signal?.aborted) abort()
      signal?.addEventListener('abort', abort)
    })
  }

  /** Once the style is being judged. */
  async verdict(style: string, ...verdicts: readonly SentVerdict[]): Promise<void> {
    await vi.waitUntil(() => this.#current?.style === style, PATIENT)
    for (const verdict of verdicts) this.#current?.send(verdict)
  }

  end(error?: Error): void {
    this.#current?.end(error)
    this.#current = undefined
  }
}

function createRuns({ judge }: Judges, log = silent) {
  return new SuiteRuns({ styles: ['promises', 'effect'], file, log, judge, list: async () => clauses })
}

/** Resolves with the report once nothing is being judged. */
async function over(runs: SuiteRuns): Promise<SuiteReport> {
  await vi.waitUntil(async () => (await runs.report()).run?.state !== 'running', PATIENT)
  return runs.report()
}

describe('a run of the suite', () => {
  test('judges one style after the other, and tells how far it is', async () => {
    const judges = new Judges()
    const runs = createRuns(judges)
    expect(await runs.report()).toEqual({ styles: ['promises', 'effect'], clauses, run: null, judged: [] })
    await runs.start()
    await judges.verdict('promises', held('sequence', 'result'), failed)
    expect((await runs.report()).run).toMatchObject({
      state: 'running',
      startedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      endedAt: null,
      judging: 'promises',
      done: 2,
      total: 6,
    })
    expect(judges.begun).toEqual([{ style: 'promises', scenario: undefined }])
    await judges.verdict('promises', held('combine', 'result'))
    judges.end()
    await judges.verdict('effect', ...clauses.map(({ scenario, id }) => held(scenario as 'combine', id)))
    judges.end()
    const { run, judged } = await over(runs)
    expect(run).toMatchObject({ state: 'finished', judging: null, done: 6, total: 6, problems: [] })
    expect(run?.endedAt).toMatch(/Z$/)
    expect(judged.map(({ style, scenario }) => `${style} ${scenario}`)).toEqual([
      'promises sequence',
      'promises combine',
      'effect sequence',
      'effect combine',
    ])
    expect(judged[0]).toEqual({
      style: 'promises',
      scenario: 'sequence',
      judgedAt: expect.any(String),
      changed: false,
      clauses: [
        { clause: 'result', held: true, ms: 1 },
        {
          clause: 'any schedule',
          held: false,
          ms: 1,
          message: 'something else runs',
          seed: 42,
          path: '7:1',
        },
      ],
    })
  })

  test('that is stopped while it is still asked what there is to judge does not begin', async () => {
    const judges = new Judges()
    const listed = Promise.withResolvers<readonly ClausePlace[]>()
    const list = () => listed.promise
    const runs = new SuiteRuns({
      styles: ['promises', 'effect'],
      file,
      log: silent,
      judge: judges.judge,
      list,
    })
    const started = runs.start()
    await runs.stop()
    listed.resolve(clauses)
    await expect(started).rejects.toMatchObject({ status: 409 })
    expect((await runs.report()).run).toBe(null)
    expect(judges.begun).toEqual([])
    await runs.start()
    await runs.stop()
    expect((await runs.report()).run).toMatchObject({ state: 'stopped' })
  })

  test('can be asked for again where the sources could not be read, because too many files were open', async () => {
    const { judge } = new Judges()
    const error = new Error('EMFILE: too many open files')
    const hash = vi
      .fn<(style: string) => Promise<string>>(async (style) => `hash of ${style}`)
      .mockRejectedValueOnce(error)
    const options = { styles: ['promises'], file, log: silent, judge, list: async () => clauses, hash }
    const runs = new SuiteRuns(options)
    await expect(runs.report()).rejects.toBe(error)
    await runs.start()
    expect((await runs.report()).run).toMatchObject({ state: 'running' })
    await runs.stop()
  })

  test('of a part replaces the verdicts of that part, and leaves the rest', async () => {
    const judges = new Judges()
    const runs = createRuns(judges)
    await runs.start(['promises'])
    await judges.verdict('promises', held('sequence', 'result'), failed, held('combine', 'result'))
    judges.end()
    await over(runs)
    await runs.start(['promises'], 'sequence')
    expect((await runs.report()).run).toMatchObject({ scenario: 'sequence', styles: ['promises'], total: 2 })
    await judges.verdict('promises', held('sequence', 'result'), held('sequence', 'any schedule'))
    judges.end()
    const { judged } = await over(runs)
    expect(judges.begun.at(-1)).toEqual({ style: 'promises', scenario: 'sequence' })
    expect(judged.map(({ scenario, clauses: each }) => [scenario, each.map((one) => one.held)])).toEqual([
      ['sequence', [true, true]],
      ['combine', [true]],
    ])
  })

  test('is not started twice, and can be started again when it is over', async () => {
    const judges = new Judges()
    const runs = createRuns(judges)
    const starts = await Promise.allSettled([runs.start(['effect']), runs.start(['effect'])])
    expect(starts.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
    await expect(runs.start()).rejects.toMatchObject({ status: 409 })
    await runs.stop()
    await runs.start(['effect'])
    expect((await runs.report()).run?.state).toBe('running')
    await runs.stop()
  })

  test('that is stopped judges nothing more, and what it has judged stands', async () => {
    const judges = new Judges()
    const runs = createRuns(judges)
    await runs.start()
    await judges.verdict('promises', held('sequence', 'result'))
    await runs.stop()
    const { run, judged } = await runs.report()
    expect(run).toMatchObject({ state: 'stopped', judging: null, done: 1, problems: [] })
    expect(judged).toHaveLength(1)
    expect(judges.begun).toHaveLength(1)
    await runs.stop()
    expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({ run: { state: 'stopped' } })
  })

  test('goes on with the next style when the process of one has ended', async () => {
    const judges = new Judges()
    const warn = vi.fn<(message: string) => void>()
    const runs = createRuns(judges, Object.assign(Object.create(silent) as typeof silent, { warn }))
    await runs.start()
    await judges.verdict('promises', held('sequence', 'result'))
    judges.end(new Error('its process ended before it was done, with code 3'))
    await judges.verdict('effect')
    judges.end()
    expect((await over(runs)).run).toMatchObject({
      state: 'failed',
      problems: [{ style: 'promises', message: 'its process ended before it was done, with code 3' }],
    })
    expect(warn.mock.calls.flat()).toEqual([expect.stringContaining('has not judged all of promises')])
  })
})

describe('what is kept', () => {
  async function judgeOnce(): Promise<SuiteReport> {
    const judges = new Judges()
    const runs = createRuns(judges)
    await runs.start(['promises'], 'sequence')
    await judges.verdict('promises', held('sequence', 'result'), failed)
    judges.end()
    return over(runs)
  }

  test('is there again after a restart, and nothing lies beside it', async () => {
    const before = await judgeOnce()
    expect(await createRuns(new Judges()).report()).toEqual(before)
    expect(await readdir(path.dirname(file))).toEqual(['suite.json'])
  })

  test('is known to be of other sources, when it is', async () => {
    await judgeOnce()
    const text = await readFile(file, 'utf8')
    expect(text).toMatch(/"sources":"[0-9a-f]{64}"/)
    await writeFile(file, text.replace(/"sources":"./, '"sources":"x'))
    const { judged } = await createRuns(new Judges()).report()
    expect(judged.map(({ changed }) => changed)).toEqual([true])
  })

  test.for(['', '{', 'null', '{"version":2,"judged":[{}]}', '{"version":1}'])(
    'is nothing when the file is broken or of another version: %s',
    async (text) => {
      await judgeOnce()
      await writeFile(file, text)
      expect(await createRuns(new Judges()).report()).toMatchObject({ run: null, judged: [] })
    },
  )

  test('is nothing when it cannot be written, and the run is as good as any', async () => {
    await writeFile(path.join(directory, 'cache'), 'a file where a directory would have to be')
    expect(await judgeOnce()).toMatchObject({ run: { state: 'finished' } })
  })
})

describe('/api/suite', { timeout: 60_000 }, () => {
  let app: FastifyInstance
  beforeEach(() => {
    app = buildApp({
      port: new ScriptedPort(),
      styles,
      initialStyle: 'promises',
      log: silent,
      suiteFile: file,
    })
  })
  afterEach(() => app.close())

  test('runs the suite itself in processes of its own', async () => {
    const started = await app.inject({
      method: 'POST',
      url: '/api/suite',
      payload: { styles: ['effect', 'callbacks'], scenario: 'sequence' },
    })
    expect(started.statusCode).toBe(202)
    expect(started.json()).toMatchObject({ run: { state: 'running', styles: ['callbacks', 'effect'] } })
    const again = await app.inject({ method: 'POST', url: '/api/suite' })
    expect(again.statusCode).toBe(409)

    const report = async () => (await app.inject('/api/suite')).json<SuiteReport>()
    await vi.waitUntil(async () => (await report()).run?.state !== 'running', PATIENT)
    const { run, judged, clauses: all } = await report()
    const ids = all.filter(({ scenario }) => scenario === 'sequence').map(({ id }) => id)
    expect(run).toMatchObject({ state: 'finished', done: 2 * ids.length, total: 2 * ids.length })
    expect(judged.map(({ style, changed }) => ({ style, changed }))).toEqual([
      { style: 'callbacks', changed: false },
      { style: 'effect', changed: false },
    ])
    for (const { clauses: verdicts } of judged) {
      expect(verdicts).toEqual(
        ids.map((clause) => ({ clause, held: true, ms: expect.any(Number) as number })),
      )
    }
  })

  test('leads to where each clause is written', async () => {
    const { clauses: all } = (await app.inject('/api/suite')).json<SuiteReport>()
    expect(new Set(all.map(({ scenario }) => scenario)).size).toBe(16)
    for (const name of new Set(all.map((clause) => clause.file))) {
      const source = await app.inject(`/api/source/suite/${name}`)
      expect(source.headers['content-type']).toBe('text/plain; charset=utf-8')
      const lines = source.body.split('\n')
      for (const { title, line } of all.filter((clause) => clause.file === name))
        expect(lines[line - 1]).toContain(title.slice(0, 12))
    }
  })

  test.for(['..%2Fjudge', 'judge', 'toString', 'standing.ts', '__proto__'])(
    'serves no other file: %s',
    async (name) => {
      const response = await app.inject(`/api/source/suite/${name}`)
      expect(response.statusCode).toBe(404)
    },
  )

  test.for([
    [{ styles: ['effect', 'nobody'] }, 'styles'],
    [{ styles: [] }, 'styles'],
    [{ styles: ['effect', 'effect'] }, 'styles'],
    [{ styles: 'effect' }, 'styles'],
    [{ styles: { 0: 'effect' } }, 'styles'],
    [{ styles: null }, 'styles'],
    [{ scenario: 'suite' }, 'scenario'],
    [{ scenario: ['combine'] }, 'scenario'],
    [{ seed: 1 }, 'seed'],
    [[], 'body'],
  ] as const)('refuses %j', async ([payload, field]) => {
    const response = await app.inject({ method: 'POST', url: '/api/suite', payload: payload as object })
    expect(response.statusCode).toBe(400)
    expect(response.json()).toMatchObject({ errors: [{ field }] })
    expect(children()).toBe(0)
  })

  test('stops when it is told to, and when the server closes, and leaves no process', async () => {
    for (const stop of [() => app.inject({ method: 'DELETE', url: '/api/suite' }), () => app.close()]) {
      expect((await app.inject({ method: 'POST', url: '/api/suite' })).statusCode).toBe(202)
      await vi.waitUntil(() => children() > 0, PATIENT)
      await stop()
      expect(children()).toBe(0)
      expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({ run: { state: 'stopped' } })
    }
  })

  test('starts nothing when the server is closing', async () => {
    await app.ready()
    await app.drain(0)
    const response = await app.inject({ method: 'POST', url: '/api/suite' })
    expect(response.statusCode).toBe(503)
  })
})

/** How many processes this one has started that have not ended. */
const children = () => process.getActiveResourcesInfo().filter((name) => name === 'ProcessWrap').length
