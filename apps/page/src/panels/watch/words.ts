/** A run in words, as they stand beside its bars, in the tables, and as they are said to a screen reader. */
import type { ScenarioName } from '@overlap/workload'
import { ownParameters, parameters } from '../../parameters.ts'
import { type Lane, type Place, delayOf, isAbandoned, isOver, lateMsOfLane, lengthOf } from './lane.ts'

const format = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })

export const inMs = (ms: number) => `${format.format(ms)} ms`

const verbs = { succeeded: 'answered', failed: 'failed', cancelled: 'cancelled' } as const

export function outcomeOf({ outcome, settledMs, begunAt, refused, lost }: Lane): string {
  if (outcome !== null && settledMs !== null) return `${verbs[outcome]} after ${inMs(settledMs)}`
  if (lost) return 'is not known any more'
  if (begunAt !== undefined) return 'is running'
  return refused ? 'did not begin' : 'has not begun yet'
}

/** Empty as long as there is no result. `brief`: without what became of it. */
export function lateWords(lane: Lane, clock: number, brief = false): string {
  if (lane.settledMs === null) return ''
  const late = `${inMs(lateMsOfLane(lane, lengthOf(lane, clock)))} of work after the result`
  if (lane.lost) return `${late}, as far as it is known`
  if (brief) return late
  if (isAbandoned(lane)) return isOver(lane) ? `${late}, which nobody stopped` : `${late}, and it goes on`
  return isOver(lane) ? late : `${late}, being stopped`
}

export const describe = (lane: Lane, clock: number) =>
  [`${lane.style} ${outcomeOf(lane)}`, lateWords(lane, clock)].filter(Boolean).join(', ')

export interface Subject {
  readonly scenario: ScenarioName
  /** As it was sent, but for the style. */
  readonly query: URLSearchParams
  /** 0: its client does not. */
  readonly leaveMs: number
}

/** What was asked of a run, as far as it says how long something takes, or is not as it always is. */
export function summaryOf({ scenario, query, leaveMs }: Subject, lanes: readonly Lane[]): string {
  const own = ownParameters(scenario).flatMap(([name, fallback]) => {
    const { label, unit } = parameters[name]
    const value = query.get(name) ?? fallback
    if (unit !== 'ms' && value === fallback) return []
    return `${label.toLowerCase()} ${unit === 'ms' ? inMs(Number(value)) : value}`
  })
  const used = new Set(lanes.flatMap(({ calls }) => calls.map(delayOf)))
  const side = (delay: 'dbMs' | 'httpMs', who: string, fault: string) =>
    used.has(delay)
      ? [`${who} ${inMs(Number(query.get(delay)))}${query.get(fault) === 'fail' ? ' and fails' : ''}`]
      : []
  const abortMs = Number(query.get('abortMs'))
  return [
    ...side('dbMs', 'the query takes', 'dbFault'),
    ...side('httpMs', 'HTTP takes', 'httpFault'),
    ...own,
    ...(leaveMs > 0 ? [`the client leaves after ${inMs(leaveMs)}`] : []),
    ...(abortMs > 0 ? [`aborted after ${inMs(abortMs)}`] : []),
  ].join(', ')
}

/** What is told of a span that has room for it. */
export const phaseWords = (place: Place) => ({
  wait: 'waits',
  work: place,
  answer: 'answer',
  stop: 'stopping',
})
