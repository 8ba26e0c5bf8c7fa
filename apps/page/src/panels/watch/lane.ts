/**
 * What a run did, made from the events that the server sends while it runs, and after it has been answered: its calls,
 * each in its phases, and which of them went on when the result was decided. Pure.
 */
import type { Port, Session } from '@overlap/workload'
import type { ExhibitName } from '../../choice.ts'

type CallName = keyof Port | Exclude<keyof Session, 'order' | 'close'>

/** Where a call is at work. */
export type Place = 'query' | 'request' | 'thread' | 'socket'

const places: Readonly<Record<CallName, Place>> = {
  findStock: 'query',
  findStocks: 'query',
  openSession: 'query',
  takeStock: 'query',
  commit: 'query',
  listen: 'query',
  fetchReservation: 'request',
  fetchReservationFrom: 'request',
  confirmOrder: 'request',
  fetchPage: 'request',
  fetchPicture: 'request',
  resize: 'thread',
  readChunk: 'socket',
  writeChunk: 'socket',
  endOutput: 'socket',
}

/** Whose delay a call's length is, if one decides over it. */
const delays: Partial<Readonly<Record<CallName, 'dbMs' | 'httpMs'>>> = {
  findStock: 'dbMs',
  findStocks: 'dbMs',
  takeStock: 'dbMs',
  fetchReservation: 'httpMs',
  confirmOrder: 'httpMs',
  fetchPage: 'httpMs',
  fetchPicture: 'httpMs',
}

type Outcome = 'succeeded' | 'failed' | 'cancelled'

/** An event as the server sends it, `run` or `call`. */
export interface RunEvent {
  readonly event: string
  /** Since the run began, in ms. */
  readonly atMs: number
  /** Of the request. */
  readonly parentId: string
  /** Of a call alone, with its number within the run. */
  readonly call?: CallName
  readonly id?: number
}

/** In ms since the run began; `null`: it has not happened, or never will. */
export interface Call {
  readonly name: CallName
  readonly startedMs: number
  /** It has a connection. */
  readonly sentMs: number | null
  /** The head of a request's answer has come. */
  readonly answeringMs: number | null
  readonly endedMs: number | null
  readonly outcome: Outcome | null
  /** After it was cancelled: nothing of it runs any more. */
  readonly stoppedMs: number | null
}

/** One style's run. */
export interface Lane {
  readonly style: ExhibitName
  readonly parentId: string
  /** `undefined`: it has not begun. By the browser's clock, in ms. */
  readonly begunAt: number | undefined
  /** When the result was decided: it has been answered, or nobody waits for it any more. */
  readonly settledMs: number | null
  readonly outcome: Outcome | null
  readonly calls: readonly Call[]
  /** What the client was told. `undefined`: nothing yet, or it has left. */
  readonly answer: string | undefined
  /** It will never begin: the server has refused it, or the client has left before. */
  readonly refused: boolean
  /** Nothing is heard of it any more, and it was not over. */
  readonly lost: boolean
}

export const newLane = (style: ExhibitName, parentId: string): Lane => ({
  style,
  parentId,
  begunAt: undefined,
  settledMs: null,
  outcome: null,
  calls: [],
  answer: undefined,
  refused: false,
  lost: false,
})

/** The lane after these events, of which it takes its own. `clock`: now, by the browser's. */
export function follow(lane: Lane, events: readonly RunEvent[], clock: number): Lane {
  const own = events.filter(({ parentId }) => parentId === lane.parentId)
  if (own.length === 0) return lane
  const calls = [...lane.calls]
  let { begunAt, settledMs, outcome } = lane
  for (const { event, atMs, call, id } of own) {
    if (call === undefined || id === undefined) {
      begunAt ??= clock - atMs
      if (isOutcome(event)) [settledMs, outcome] = [atMs, event]
      continue
    }
    const before = calls[id]
    const after = before ? step(before, event, atMs) : started(call, atMs)
    calls[id] = after
  }
  return { ...lane, begunAt, settledMs, outcome, calls }
}

const isOutcome = (event: string): event is Outcome =>
  event === 'succeeded' || event === 'failed' || event === 'cancelled'

const started = (name: CallName, startedMs: number): Call => ({
  name,
  startedMs,
  sentMs: null,
  answeringMs: null,
  endedMs: null,
  outcome: null,
  stoppedMs: null,
})

function step(call: Call, event: string, atMs: number): Call {
  if (event === 'sent') return { ...call, sentMs: atMs }
  if (event === 'answering') return { ...call, answeringMs: atMs }
  if (event === 'stopped') return { ...call, stoppedMs: atMs }
  return isOutcome(event) ? { ...call, endedMs: atMs, outcome: event } : call
}

export const placeOf = ({ name }: Call): Place => places[name]

export const delayOf = ({ name }: Call) => delays[name]

/** When nothing of the call ran any more. `null`: something does. */
export const overMs = ({ outcome, endedMs, stoppedMs }: Call) =>
  outcome === 'cancelled' ? stoppedMs : endedMs

/** Nothing of it runs any more, in the server or behind it. */
export const isOver = ({ refused, settledMs, calls }: Lane) =>
  refused || (settledMs !== null && calls.every((call) => overMs(call) !== null))

/** How far it has come, in ms since it began. */
export function lengthOf(lane: Lane, clock: number): number {
  if (lane.begunAt === undefined) return 0
  const last = Math.max(
    lane.settledMs ?? 0,
    ...lane.calls.map((call) => overMs(call) ?? call.endedMs ?? call.startedMs),
  )
  return isOver(lane) ? last : Math.max(last, clock - lane.begunAt)
}

/** What a call is doing: waiting for a connection, at work, being answered, or being stopped after its cancel. */
type Phase = 'wait' | 'work' | 'answer' | 'stop'

export interface Span {
  readonly phase: Phase
  readonly fromMs: number
  readonly toMs: number
  /** After the result was decided. */
  readonly late: boolean
}

/** The call's time in its phases, cut where the result was decided. `nowMs`: since the run began, for what goes on. */
export function spansOf(call: Call, settledMs: number | null, nowMs: number): Span[] {
  const { startedMs, sentMs, answeringMs, endedMs } = call
  const over = overMs(call) ?? Math.max(nowMs, startedMs)
  const ended = endedMs ?? over
  const bounds: [Phase, number, number][] = [
    ['wait', startedMs, sentMs ?? ended],
    ['work', sentMs ?? ended, answeringMs ?? ended],
    ['answer', answeringMs ?? ended, ended],
    ['stop', ended, over],
  ]
  const decided = settledMs ?? Infinity
  return bounds
    .flatMap(([phase, fromMs, toMs]): Span[] => [
      { phase, fromMs, toMs: Math.min(toMs, decided), late: false },
      { phase, fromMs: Math.max(fromMs, decided), toMs, late: true },
    ])
    .filter(({ fromMs, toMs }) => toMs > fromMs)
}

/** How many ms a call has gone on for after the result. */
export const lateMsOf = (call: Call, settledMs: number | null, nowMs: number) =>
  spansOf(call, settledMs, nowMs).reduce((sum, { late, fromMs, toMs }) => sum + (late ? toMs - fromMs : 0), 0)

/** Whether something goes on after the result that nobody has cancelled. */
export const isAbandoned = ({ calls, settledMs }: Lane) =>
  settledMs !== null &&
  calls.some(({ outcome, endedMs }) => outcome !== 'cancelled' && (endedMs ?? Infinity) > settledMs)

/** The work after the result, of all its calls together: two calls that go on for 100 ms are 200 ms. */
export const lateMsOfLane = ({ calls, settledMs }: Lane, nowMs: number) =>
  calls.reduce((sum, call) => sum + lateMsOf(call, settledMs, nowMs), 0)
