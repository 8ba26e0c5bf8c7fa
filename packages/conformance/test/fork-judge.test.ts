import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import {
  type ClausePlace,
  type SentVerdict,
  judgeInChild,
  listClauses,
  suiteFiles,
} from '../src/fork-judge.ts'
import { suites } from '../src/judge.ts'

const module = new URL('styles-to-judge.ts', import.meta.url).href
// Several processes start at the same time as others' tests.
const PATIENCE_MS = 60_000

/** Judges `sequence`, the shortest, unless it is told otherwise. */
async function verdictsOf(
  style: string,
  options: Partial<Parameters<typeof judgeInChild>[0]> = {},
): Promise<SentVerdict[]> {
  const verdicts: SentVerdict[] = []
  const onVerdict = (verdict: SentVerdict) => void verdicts.push(verdict)
  await judgeInChild({ style, module, scenario: 'sequence', onVerdict, ...options })
  return verdicts
}

describe('the places of the clauses', () => {
  let places: readonly ClausePlace[]
  beforeAll(async () => {
    places = await listClauses()
  }, PATIENCE_MS)

  test('are those of every clause, in the order in which they are judged', () => {
    const all = suites.flatMap(({ scenario, clauses }) =>
      clauses.map(({ id, title }) => ({ scenario, id, title })),
    )
    expect(places.map(({ scenario, id, title }) => ({ scenario, id, title }))).toEqual(all)
  })

  test('are where the title is written, as a title and nothing else', () => {
    for (const { scenario, file, line, title } of places) {
      expect([scenario, 'replicas', 'standing', 'walk']).toContain(file)
      const name = suiteFiles.get(file) ?? 'a file that is not there'
      const lines = readFileSync(new URL(`../src/${name}`, import.meta.url), 'utf8').split('\n')
      const written = lines[line - 1] ?? ''
      // A number or a word at its end may be filled in.
      expect(written).toContain(title.split(/\d/)[0]?.slice(0, 30))
      // After the word, or as the argument of a function that makes a clause: alone, or behind the id.
      expect(`${lines[line - 2]}\n${written}`).toMatch(/title:|claim\(|clause\(|'[^']+',\n/)
    }
  })

  test('are different for different claims', () => {
    const claims = new Map(places.map(({ file, line, title }) => [`${file}:${line}`, title]))
    const other = places.filter(
      ({ file, line, title, id }) => claims.get(`${file}:${line}`) !== title && id !== 'wrong input',
    )
    expect(other).toEqual([])
  })
})

describe.concurrent('a style in a process of its own', { timeout: PATIENCE_MS }, () => {
  test('is put through every clause of the scenario, in their order, and holds them all', async () => {
    const verdicts = await verdictsOf('healthy')
    expect(verdicts.map(({ clause, held }) => ({ clause, held }))).toEqual(
      suites[0]?.clauses.map(({ id }) => ({ clause: id, held: true })),
    )
    for (const { ms } of verdicts) expect(ms).toBeGreaterThanOrEqual(0)
    expect(verdicts.some(({ ms }) => ms > 1)).toBe(true)
  })

  test('is told where a walk has failed, and what was seen there', async () => {
    const verdicts = await verdictsOf('oversleeping', { scenario: 'timeout' })
    expect(verdicts.filter(({ held }) => held).map(({ clause }) => clause)).toContain('abort')
    expect(verdicts.find(({ clause }) => clause === 'any schedule')).toEqual({
      scenario: 'timeout',
      clause: 'any schedule',
      held: false,
      ms: expect.any(Number),
      message: expect.stringContaining('npm test -w @overlap/oversleeping'),
      seed: expect.any(Number),
      path: expect.stringMatching(/^\d+(:\d+)*$/),
    })
    for (const { message, held } of verdicts) expect(message === undefined).toBe(held)
  })

  test('that ends its process is an error which tells how', async () => {
    await expect(verdictsOf('ending')).rejects.toThrow('its process ended before it was done, with code 3')
    await expect(verdictsOf('leaving')).rejects.toThrow('its process ended before it was done, with code 0')
    await expect(verdictsOf('killing')).rejects.toThrow('its process ended before it was done, with SIGKILL')
  })

  test('that its module does not export is an error', async () => {
    await expect(verdictsOf('none')).rejects.toThrow('with code 1')
  })

  test('that comes to no end is given up', async () => {
    await expect(verdictsOf('spinning', { silentMs: 2000 })).rejects.toThrow('nothing came of it for 2 s')
  })

  test('does not outlive who has started it, whatever ends that', async () => {
    const parent = spawn(
      process.execPath,
      [
        '--input-type=module',
        '--eval',
        `import { judgeInChild } from ${JSON.stringify(new URL('../src/fork-judge.ts', import.meta.url).href)}
         judgeInChild({ style: 'spinning', module: ${JSON.stringify(module)}, scenario: 'sequence' })`,
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    )
    // The child has inherited it, and says so when it spins.
    const told = parent.stderr[Symbol.asyncIterator]()
    expect(String((await told.next()).value)).toBe('spinning\n')
    parent.kill('SIGKILL')
    expect(await told.next()).toMatchObject({ done: true })
  })

  test('is ended by an abort with its reason, and says nothing after that', async () => {
    const controller = new AbortController()
    const verdicts: SentVerdict[] = []
    const reason = new Error('enough')
    const judged = verdictsOf('healthy', {
      signal: controller.signal,
      onVerdict(verdict) {
        verdicts.push(verdict)
        controller.abort(reason)
      },
    })
    await expect(judged).rejects.toBe(reason)
    expect(verdicts).toHaveLength(1)
    const spinning = verdictsOf('spinning', { signal: AbortSignal.timeout(500), silentMs: 2 * PATIENCE_MS })
    await expect(spinning).rejects.toMatchObject({ name: 'TimeoutError' })
    await expect(verdictsOf('healthy', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  })
})
