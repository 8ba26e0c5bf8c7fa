/**
 * Runs of the conformance suite: one at a time, one style after the other, each in a process of its own. The verdicts
 * are kept in a file, so that they are there again after a restart.
 *
 * A verdict stands until the same scenario is judged again in the same style: judging a part leaves the rest.
 */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import path from 'node:path'
import {
  type ClausePlace,
  type SentVerdict,
  judgeInChild,
  listClauses,
} from '@overlap/conformance/fork-judge'
import type { ScenarioName } from '@overlap/workload'
import type { Logger } from 'pino'
import { Problem } from './problem.ts'
import { hashSources } from './source-hash.ts'

export interface SuiteRun {
  readonly startedAt: string
  /** `null`: it is going on. */
  endedAt: string | null
  /** `failed`: a style's process ended before it was done, as `problems` tells. */
  state: 'running' | 'finished' | 'stopped' | 'failed'
  readonly styles: readonly string[]
  /** `null`: all of them. */
  readonly scenario: ScenarioName | null
  /** The style that is being judged. */
  judging: string | null
  /** Clauses that have been judged, of how many. */
  done: number
  readonly total: number
  readonly problems: { readonly style: string; readonly message: string }[]
}

/** What came of a scenario in a style, the last time that it was judged. */
interface Judged {
  readonly style: string
  readonly scenario: ScenarioName
  readonly judgedAt: string
  /** The hash of what was judged. */
  readonly sources: string
  readonly clauses: Omit<SentVerdict, 'scenario'>[]
}

export interface SuiteReport {
  readonly styles: readonly string[]
  readonly clauses: readonly ClausePlace[]
  /** The one that is going on, or the last one. `null`: there was none. */
  readonly run: SuiteRun | null
  /** `changed`: these are not the sources that this server has loaded. */
  readonly judged: readonly (Omit<Judged, 'sources'> & { readonly changed: boolean })[]
}

/** What is written to the file. Another version is not read. */
interface Kept {
  readonly version: 1
  readonly run: SuiteRun
  readonly judged: readonly Judged[]
}

interface SuiteRunsOptions {
  /** The names of those that can be judged, in the order in which they are shown. */
  readonly styles: readonly string[]
  /** Where the verdicts are kept. By default, nowhere. */
  readonly file?: string | undefined
  readonly log: Pick<Logger, 'warn'>
  /** A test may judge in another way. */
  readonly judge?: typeof judgeInChild
  readonly list?: typeof listClauses
  readonly hash?: typeof hashSources
}

export class SuiteRuns {
  /** The names of those that can be judged, in the order in which they are shown. */
  readonly styles: readonly string[]
  readonly #file: string | undefined
  readonly #log: Pick<Logger, 'warn'>
  readonly #judge: typeof judgeInChild
  readonly #list: typeof listClauses
  readonly #hash: typeof hashSources
  readonly #judged = new Map<string, Judged>()
  #run: SuiteRun | null = null
  /** Stops the run that is going on. */
  #controller: AbortController | undefined
  /** How often it has been stopped: who is about to start looks whether it was meanwhile. */
  #stops = 0
  /** Resolves when there is no run any more. */
  #over: Promise<void> = Promise.resolve()
  #clauses: Promise<readonly ClausePlace[]> | undefined
  #ready: Promise<unknown> | undefined
  /** What this server has loaded, by style: as it was when somebody first asked. */
  #loaded: ReadonlyMap<string, string> = new Map()

  constructor({
    styles,
    file,
    log,
    judge = judgeInChild,
    list = listClauses,
    hash = hashSources,
  }: SuiteRunsOptions) {
    this.styles = styles
    this.#file = file
    this.#log = log
    this.#judge = judge
    this.#list = list
    this.#hash = hash
  }

  async report(): Promise<SuiteReport> {
    return { ...(await this.state()), clauses: await this.#listClauses() }
  }

  /** The same without the clauses, for which a process has to be started once. */
  async state(): Promise<Omit<SuiteReport, 'clauses'>> {
    await this.#prepare()
    return {
      styles: this.styles,
      run: this.#run,
      judged: [...this.#judged.values()].map(({ sources, ...judged }) => ({
        ...judged,
        changed: sources !== this.#loaded.get(judged.style),
      })),
    }
  }

  /**
   * Starts a run. Rejects with a problem if one is going on, or if it is stopped before it has begun (409).
   *
   * `styles`: some of those that can be judged, by default all. `scenario`: by default all.
   */
  async start(styles: readonly string[] = this.styles, scenario?: ScenarioName): Promise<void> {
    const stops = this.#stops
    const clauses = await this.#listClauses()
    await this.#prepare()
    if (this.#controller) throw new Problem(409, 'The suite is running. DELETE /api/suite stops it.')
    if (this.#stops !== stops) throw new Problem(409, 'The suite was stopped before it had begun.')
    const each = clauses.filter((clause) => scenario === undefined || clause.scenario === scenario)
    const run: SuiteRun = {
      startedAt: new Date().toISOString(),
      endedAt: null,
      state: 'running',
      styles,
      scenario: scenario ?? null,
      judging: null,
      done: 0,
      total: each.length * styles.length,
      problems: [],
    }
    this.#run = run
    this.#controller = new AbortController()
    this.#over = this.#judgeAll(run, this.#controller.signal)
  }

  /** Stops the run that is going on, or about to. Resolves when its process has ended and its verdicts are kept. */
  async stop(): Promise<void> {
    this.#stops++
    this.#controller?.abort()
    await this.#over
  }

  async #judgeAll(run: SuiteRun, signal: AbortSignal): Promise<void> {
    for (const style of run.styles) {
      run.judging = style
      try {
        await this.#judgeStyle(run, style, signal)
      } catch (error) {
        if (signal.aborted) break
        const message = error instanceof Error ? error.message : String(error)
        run.problems.push({ style, message })
        this.#log.warn(`the suite has not judged all of ${style}: ${message}`)
      }
    }
    const state = run.problems.length > 0 ? 'failed' : 'finished'
    const end = {
      judging: null,
      endedAt: new Date().toISOString(),
      state: signal.aborted ? 'stopped' : state,
    } as const
    await this.#keep({ ...run, ...end })
    // Only now, so that who is told that it is over can start the next one.
    Object.assign(run, end)
    this.#controller = undefined
  }

  async #judgeStyle(run: SuiteRun, style: string, signal: AbortSignal): Promise<void> {
    const judgedAt = new Date().toISOString()
    const sources = await this.#hash(style)
    let judged: Judged | undefined
    await this.#judge({
      style,
      module: import.meta.resolve(`@overlap/${style}`),
      scenario: run.scenario ?? undefined,
      signal,
      onVerdict: ({ scenario, ...verdict }) => {
        if (judged?.scenario !== scenario) {
          judged = { style, scenario, judgedAt, sources, clauses: [] }
          this.#judged.set(keyOf(judged), judged)
        }
        judged.clauses.push(verdict)
        run.done++
      },
    })
  }

  /** The suite is in another process, so what it consists of is asked there, once. */
  #listClauses(): Promise<readonly ClausePlace[]> {
    this.#clauses ??= this.#list().catch((error: unknown) => {
      this.#clauses = undefined
      throw error
    })
    return this.#clauses
  }

  #prepare(): Promise<unknown> {
    this.#ready ??= Promise.all([this.#restore(), this.#hashLoaded()]).catch((error: unknown) => {
      this.#ready = undefined
      throw error
    })
    return this.#ready
  }

  async #hashLoaded(): Promise<void> {
    const hashes = this.styles.map(async (style) => [style, await this.#hash(style)] as const)
    this.#loaded = new Map(await Promise.all(hashes))
  }

  async #restore(): Promise<void> {
    if (this.#file === undefined) return
    try {
      // A cast, because nobody but us writes it; a version tells who we were.
      const kept = JSON.parse(await readFile(this.#file, 'utf8')) as Kept
      if (kept.version !== 1) return
      for (const judged of kept.judged) {
        if (this.styles.includes(judged.style)) this.#judged.set(keyOf(judged), judged)
      }
      this.#run = kept.run
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return
      this.#log.warn(`the verdicts of the suite cannot be read from ${this.#file}: ${String(error)}`)
    }
  }

  /** Beside it first, so that the file is whole whenever it is read, and whatever ends us. */
  async #keep(run: SuiteRun): Promise<void> {
    if (this.#file === undefined) return
    const kept: Kept = { version: 1, run, judged: [...this.#judged.values()] }
    const beside = `${this.#file}.${process.pid}`
    try {
      await mkdir(path.dirname(this.#file), { recursive: true })
      await writeFile(beside, JSON.stringify(kept))
      await rename(beside, this.#file)
    } catch (error) {
      this.#log.warn(`the verdicts of the suite cannot be kept in ${this.#file}: ${String(error)}`)
    }
  }
}

const keyOf = ({ style, scenario }: Judged) => `${style} ${scenario}`
