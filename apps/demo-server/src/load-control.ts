/**
 * The load that this server puts on itself, from a process of its own, and the experiments: one at a time, because two
 * would measure each other.
 *
 * Runs are asked for over the very routes and sockets that everybody uses, so they count, and are refused, as all others
 * do. Before a load begins, its runs are tried once in each style: what is wrong with them is told to whoever asked for
 * the load, in the words of the runs' own route.
 */
import { type LoadProgress, type LoadReport, type UrlReport, runLoad } from '@overlap/load'
import {
  type LoadOrder,
  type LoadState,
  type ServerFigures,
  type StyleFigures,
  loadLimits,
} from '@overlap/load/order'
import type { Logger } from 'pino'
import type { Admission } from './admission.ts'
import type { ServerPort } from './context.ts'
import { EventHub } from './event-hub.ts'
import { LoopDelay } from './loop-delay.ts'
import { type FieldError, Problem, invalid } from './problem.ts'

const WARM_UP_MS = 200
/** Between two times that its state is told, at least. */
const TOLD_MS = 100

/** What this server answers to a run, however it is asked. */
interface Answer {
  readonly status: number
  /** JSON. */
  readonly body: string
}

export interface LoadControlOptions {
  /** Of the port that a style runs on. */
  readonly statsOf: (style: string) => ReturnType<ServerPort['stats']>
  readonly admission: Pick<Admission, 'running'>
  readonly log: Pick<Logger, 'error'>
  /** Asks this server for a path, without a socket. */
  readonly ask: (path: string, signal: AbortSignal) => Promise<Answer>
}

/** A load, or an experiment. */
interface Work {
  readonly what: 'load' | 'experiment'
  readonly controller: AbortController
  readonly ended: Promise<void>
}

export class LoadControl {
  /** Tells its state as it changes, several times a second: `event: load`. */
  readonly hub = new EventHub()
  readonly #options: LoadControlOptions
  #work: Work | undefined
  #lastTold = -Infinity
  #state: LoadState = { state: 'idle', order: null, elapsedMs: 0, now: null, styles: [], server: null }

  constructor(options: LoadControlOptions) {
    this.#options = options
  }

  get state(): LoadState {
    return this.#state
  }

  /** Resolves once it has begun. `base`: where this server listens. Throws a problem. */
  async start(order: LoadOrder, base: string): Promise<LoadState> {
    const { signal, end } = this.#begin('load')
    try {
      await this.#rehearse(order, signal)
      signal.throwIfAborted()
    } catch (error) {
      end()
      throw signal.aborted ? new Problem(409, 'The load was stopped before it had begun.') : error
    }
    const urls = order.styles.map((style) => base + pathOf(order, style))
    this.#tell({ state: 'running', order, elapsedMs: 0, now: null, styles: [], server: null })
    void this.#run(order, urls, signal).finally(end)
    return this.#state
  }

  /** An experiment, for which this server is quiet otherwise. Throws a problem when it is not. */
  async alone<A>(client: AbortSignal, work: (signal: AbortSignal) => Promise<A>): Promise<A> {
    const { signal, end } = this.#begin('experiment')
    try {
      return await work(AbortSignal.any([signal, client]))
    } finally {
      end()
    }
  }

  /** Resolves when no load is under way. */
  async stopLoad(): Promise<void> {
    if (this.#work?.what === 'load') await this.stop()
  }

  /** Resolves when neither a load nor an experiment is under way. */
  async stop(): Promise<void> {
    this.#work?.controller.abort(new Error('stopped'))
    await this.#work?.ended
  }

  #begin(what: Work['what']) {
    if (this.#work)
      throw new Problem(409, `There is another ${this.#work.what} under way. Wait for its end, or stop it.`)
    const controller = new AbortController()
    const { promise: ended, resolve } = Promise.withResolvers<void>()
    this.#work = { what, controller, ended }
    const end = () => {
      this.#work = undefined
      resolve()
    }
    return { signal: controller.signal, end }
  }

  /** Throws what is wrong with the runs of a load. */
  async #rehearse(order: LoadOrder, signal: AbortSignal): Promise<void> {
    const late = AbortSignal.timeout(loadLimits.answerMs)
    const either = AbortSignal.any([signal, late])
    const answers = order.styles.map(async (style) => {
      const answer = await this.#options.ask(pathOf(order, style), either).catch((error: unknown) => {
        if (!late.aborted) throw error
        throw invalid([
          {
            field: 'parameters',
            expected: `runs that answer within ${loadLimits.answerMs} ms`,
            received: null,
          },
        ])
      })
      if (answer.status !== 200) throw toProblem(answer)
    })
    for (const { reason } of (await Promise.allSettled(answers)) as PromiseRejectedResult[])
      if (reason !== undefined) throw reason
  }

  async #run(order: LoadOrder, urls: readonly string[], signal: AbortSignal): Promise<void> {
    const delay = new LoopDelay()
    try {
      const load = {
        // A cast: an order has one style at least.
        urls: urls as [string],
        connections:
          order.model === 'closed' ? order.connections : Math.min(order.perSecond, loadLimits.connections),
        until: { seconds: order.seconds },
        warmUpMs: WARM_UP_MS,
        ...(order.model === 'open' && { perSecond: order.perSecond }),
      }
      const onProgress = (progress: LoadProgress) => {
        // What is not told is in the next figure.
        if (this.#tell(this.#show(order, progress, delay))) delay.reset()
      }
      await runLoad(load, { signal, onProgress })
      this.#tell({ ...this.#state, state: 'finished', now: null })
    } catch (error) {
      if (!signal.aborted) this.#options.log.error({ err: error }, 'the load has failed')
      this.#tell({ ...this.#state, state: signal.aborted ? 'stopped' : 'failed', now: null })
    } finally {
      delay.stop()
    }
  }

  #show(order: LoadOrder, progress: LoadProgress, delay: LoopDelay): LoadState {
    const { elapsedMs, warmingUp, recent, report } = progress
    const style = order.styles[progress.url] ?? ''
    const server = this.#figures(style, delay)
    return {
      state: 'running',
      order,
      elapsedMs: Math.round(elapsedMs),
      now: {
        style,
        warmingUp,
        recent: recent && { perSecond: round(recent.perSecond), ms: recent.ms },
      },
      styles: showAll(order.styles, report),
      server,
    }
  }

  #figures(style: string, delay: LoopDelay): ServerFigures {
    const { lent, max, waiting } = this.#options.statsOf(style).database
    return {
      eventLoopDelayMs: round(delay.p99),
      connections: { inUse: lent, max, waiting },
      runs: this.#options.admission.running,
    }
  }

  /** Hands back `false` for what is too soon after the last, and told to nobody. */
  #tell(state: LoadState): boolean {
    this.#state = state
    const now = performance.now()
    // Short slices end more often than anybody needs to know. The end of all of them is told.
    if (state.now && now < this.#lastTold + TOLD_MS) return false
    this.#lastTold = now
    if (this.hub.listening) this.hub.publish('load', state)
    return true
  }
}

/** Of one run of the load. */
function pathOf({ scenario, parameters }: LoadOrder, style: string): string {
  return `/api/run/${scenario}?${new URLSearchParams({ ...parameters, style }).toString()}`
}

/** What a run's route has said, for whoever asked for the load. */
function toProblem({ status, body }: Answer): Problem {
  const { detail, errors = [] } = JSON.parse(body) as { detail: string; errors?: readonly FieldError[] }
  if (status === 400 && errors.length > 0)
    return invalid(
      errors.map(({ field, ...error }) => ({
        ...error,
        field: field === 'style' ? 'styles' : `parameters.${field}`,
      })),
    )
  return new Problem(status, `A run of this load cannot be answered: ${detail}`)
}

const round = (value: number) => Math.round(value * 1000) / 1000

function showAll(styles: readonly string[], report: LoadReport): StyleFigures[] {
  return report.map((each, place) => show(styles[place] ?? '', each))
}

function show(style: string, { seconds, answers, failed, unsent, lateMs }: UrlReport): StyleFigures {
  const succeeded = answers.find(({ status }) => status === 200)
  const refused = answers.find(({ status }) => status === 503)?.count ?? 0
  const others = answers.reduce((sum, { count }) => sum + count, -refused - (succeeded?.count ?? 0))
  return {
    style,
    seconds: round(seconds),
    outcomes: { succeeded: succeeded?.count ?? 0, refused, failed: failed + others, unsent },
    perSecond: round(succeeded?.perSecond ?? 0),
    ms: succeeded?.ms ?? null,
    bins: succeeded?.bins ?? [],
    lateMs: lateMs?.p99 ?? null,
  }
}
