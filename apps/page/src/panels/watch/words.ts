/** A run in words, as they stand beside its bars, in the tables, and as they are said to a screen reader. */
import { type Lane, type Place, isAbandoned, isOver, lateMsOfLane, lengthOf } from './lane.ts'

const format = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })

export const inMs = (ms: number) => `${format.format(ms)} ms`

const verbs = { succeeded: 'answered', failed: 'failed', cancelled: 'cancelled' } as const

export function outcomeOf({ outcome, settledMs, begunAt, refused }: Lane): string {
  if (outcome !== null && settledMs !== null) return `${verbs[outcome]} after ${inMs(settledMs)}`
  if (begunAt !== undefined) return 'is running'
  return refused ? 'did not begin' : 'has not begun yet'
}

/** Empty as long as there is no result. `brief`: without what became of it. */
export function lateWords(lane: Lane, clock: number, brief = false): string {
  if (lane.settledMs === null) return ''
  const late = `${inMs(lateMsOfLane(lane, lengthOf(lane, clock)))} of work after the result`
  if (brief) return late
  if (isAbandoned(lane)) return isOver(lane) ? `${late}, which nobody stopped` : `${late}, and it goes on`
  return isOver(lane) ? late : `${late}, being stopped`
}

export const describe = (lane: Lane, clock: number) =>
  [`${lane.style} ${outcomeOf(lane)}`, lateWords(lane, clock)].filter(Boolean).join(', ')

/** The query of a run, without what only says whom it is about. */
export function summaryOf(query: URLSearchParams): string {
  const fails = (side: string) => (query.get(`${side}Fault`) === 'fail' ? ' and fails' : '')
  const [dbMs, httpMs, leaveMs, abortMs] = ['dbMs', 'httpMs', 'leaveMs', 'abortMs'].map((name) =>
    Number(query.get(name)),
  )
  return [
    `the query takes ${inMs(dbMs ?? 0)}${fails('db')}`,
    `HTTP ${inMs(httpMs ?? 0)}${fails('http')}`,
    leaveMs ? `the client leaves after ${inMs(leaveMs)}` : '',
    abortMs ? `aborted after ${inMs(abortMs)}` : '',
  ]
    .filter(Boolean)
    .join(', ')
}

/** What is told of a span that has room for it. */
export const phaseWords = (place: Place) => ({
  wait: 'waits',
  work: place,
  answer: 'answer',
  stop: 'stopping',
})
