/**
 * The part `quiet`: how long it is from an abort until nothing runs any more.
 *
 * Each subject is a process of its own that starts a `combine` with slow answers. Once Postgres says that the query
 * runs, and the service has the request, the run is aborted. How the end is seen, from outside, is told in
 * `spectators.ts`.
 */
import { openPort, startPostgres, startReservationService } from '@overlap/backend'
import { styleNames } from '@overlap/workload'
import { max, median, quantile, shuffle } from 'simple-statistics'
import { type Child, startChild } from '../child.ts'
import { compare, isDifferent, show } from '../compare.ts'
import { type Part, type Plot, failuresOf, passing } from '../part.ts'
import { type AbortTimes, type Spectators, connectSpectators } from './spectators.ts'

interface Sample extends AbortTimes {
  readonly round: number
}

interface Measured {
  readonly subject: string
  /** How long each of the two answers takes that nobody stops. */
  readonly answerMs: number
  readonly samples: readonly Sample[]
}

export interface QuietFigures {
  readonly subjects: readonly Measured[]
  /** How long the spectator's question takes when no query is in its way, in ms. */
  readonly asking: readonly number[]
}

const BASE = 'callbacks'
const CONTROL = 'callbacks, again'
const NAIVE = 'naive'
const PLAIN = 'what most people write'

/** So long that nobody takes its end for a stop. */
const ANSWER_MS = 2_000
/** For those that stop nothing: what is left of it has to be waited for. */
const SHORT_ANSWER_MS = 300
/** In each round. */
const ABORTS = 6
const SHORT_ABORTS = 1

export const quiet: Part<QuietFigures> = {
  name: 'quiet',
  title: 'From an abort to quiet',

  async measure({ rounds, gate, tell }) {
    const styles = passing(gate, 'combine')
    const subjects = [
      ...styles.map((style) => ({ subject: style as string, runs: style as string, answerMs: ANSWER_MS })),
      ...(styles.includes(BASE) ? [{ subject: CONTROL, runs: BASE, answerMs: ANSWER_MS }] : []),
      { subject: NAIVE, runs: NAIVE, answerMs: SHORT_ANSWER_MS },
      { subject: PLAIN, runs: PLAIN, answerMs: SHORT_ANSWER_MS },
    ]
    const [postgres, service] = await Promise.all([startPostgres(), startReservationService()])
    const children: Child[] = []
    let spectators: Spectators | undefined
    try {
      const port = openPort({ databaseUrl: postgres.url, upstreamUrls: [service.url], poolMax: 1 })
      await port.prepare().finally(() => port.close())
      spectators = await connectSpectators(postgres.url)
      const { asking, timeAbort } = spectators
      const measured = subjects.map(({ subject, runs, answerMs }) => {
        const child = startChild(new URL('aborted-run.main.ts', import.meta.url), {
          SUBJECT: runs,
          ANSWER_MS: String(answerMs),
          DATABASE_URL: postgres.url,
          UPSTREAM_URL: service.url,
        })
        children.push(child)
        return { subject, answerMs, child, samples: [] as Sample[] }
      })
      for (const { child } of measured) await child.next()
      for (const { child, answerMs } of measured)
        for (let warmUp = 0; warmUp < ABORTS; warmUp++)
          if (answerMs === ANSWER_MS || warmUp < 1) await timeAbort(child, answerMs)
      for (let round = 0; round < rounds; round++) {
        tell(`round ${round + 1} of ${rounds}`)
        for (const { child, answerMs, samples } of shuffle(measured))
          for (let n = 0; n < (answerMs === ANSWER_MS ? ABORTS : SHORT_ABORTS); n++)
            samples.push({ round, ...(await timeAbort(child, answerMs)) })
      }
      return {
        subjects: measured.map(({ subject, answerMs, samples }) => ({ subject, answerMs, samples })),
        asking,
      }
    } finally {
      await Promise.all(children.map((child) => child.stop()))
      await spectators?.leave()
      await Promise.all([service.stop(), postgres.stop()])
    }
  },

  render({ subjects, asking }, gate) {
    const control = subjects.find(({ subject }) => subject === CONTROL)
    const base = subjects.find(({ subject }) => subject === BASE)
    const noise = control && base && compare(byRound(control), byRound(base))
    const rows = subjects.map((one) => {
      const { subject, answerMs, samples } = one
      const isStyle = answerMs === ANSWER_MS
      const ratio = isStyle && base && subject !== BASE ? compare(byRound(one), byRound(base)) : undefined
      const times =
        ratio === undefined || !noise
          ? ''
          : subject === CONTROL || isDifferent(ratio, noise)
            ? show(ratio)
            : 'no difference seen'
      const cells = [
        subject,
        `${samples.length}`,
        tellQuantiles(samples.map(({ query }) => query)),
        whatBecameOfQuery(one),
        tellQuantiles(samples.map(({ request }) => request)),
        whatBecameOfRequest(one),
        tellQuantiles(samples.map(bothOf)),
        times,
        median(samples.map(({ caller }) => caller)).toFixed(2),
      ]
      return `| ${cells.join(' | ')} |`
    })
    const refused = styleNames.flatMap((style) => {
      const failed = failuresOf(gate, style, 'combine')
      return failed.length === 0 ? [] : [`| ${style} | not measured: clause ${failed.join(', ')} ||||||||`]
    })
    return `Milliseconds from the abort of a \`combine\`, both of whose calls run, until Postgres does not execute the query any more, until the request is over
at the service, and until both are, as p50 / p90 / p99 / max. Answers take ${ANSWER_MS} ms; those of the last two rows ${SHORT_ANSWER_MS} ms, because what they leave running has to be
waited for, so those rows tell how much of it was left. "Caller" is when the caller was told (p50). To ask Postgres takes ${tellQuantiles(asking)} ms
when there is nothing to wait for, which is in every figure for the query.

| | aborts | query gone | the query | request over | the request | both | both × ${BASE} | caller |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
${[...rows, ...refused].join('\n')}`
  },

  plots: ({ subjects }) => ({ quiet: plot(subjects) }),
}

function bothOf({ query, request }: Sample): number {
  return Math.max(query, request)
}

/** The median of each round. */
function byRound({ samples }: Measured): number[] {
  const rounds = new Map<number, number[]>()
  for (const sample of samples) {
    const known = rounds.get(sample.round) ?? []
    rounds.set(sample.round, [...known, bothOf(sample)])
  }
  return [...rounds.values()].map((figures) => median(figures))
}

/** A query that nobody stops takes all that was left of its time. */
function whatBecameOfQuery({ samples }: Measured): string {
  const ended = samples.filter(({ query, left }) => query > 0.9 * left).length
  return tellShare('stopped', 'ran to its end', ended, samples.length)
}

function whatBecameOfRequest({ samples }: Measured): string {
  const ended = samples.filter(({ answered }) => answered).length
  return tellShare('stopped', 'ran to its end', ended, samples.length)
}

function tellShare(none: string, all: string, count: number, of: number): string {
  return count === 0 ? none : count === of ? all : `${all}, ${count} of ${of}`
}

function tellQuantiles(figures: readonly number[]): string {
  const sorted = [...figures]
  return [...[0.5, 0.9, 0.99].map((p) => quantile(sorted, p)), max(sorted)]
    .map((ms) => ms.toFixed(ms < 10 ? 2 : 0))
    .join(' / ')
}

function plot(subjects: readonly Measured[]): Plot {
  const values = subjects.flatMap(({ subject, samples }) =>
    samples.map((sample) => ({ subject, ms: bothOf(sample) })),
  )
  return {
    width: 600,
    height: { step: 26 },
    data: { values },
    mark: { type: 'tick', opacity: 0.4 },
    encoding: {
      y: { field: 'subject', type: 'nominal', sort: subjects.map(({ subject }) => subject), title: null },
      x: {
        field: 'ms',
        type: 'quantitative',
        scale: { type: 'log' },
        title: 'ms from the abort until nothing runs',
      },
    },
  }
}
