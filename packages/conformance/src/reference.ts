/**
 * The reference model: what a scenario must have called by now, and how it must end, as a pure
 * function of what has happened. From it come every script that a style can be put through.
 */
import {
  DatabaseError,
  HttpError,
  type Order,
  type PictureWidth,
  type ReplicaSku,
  type Reservation,
  type Sku,
  type SkuUnits,
  SocketError,
  type Stock,
  WorkerError,
} from '@overlap/workload'
import type { MadeCall, Outcome } from './scripted-port.ts'

/** One answer of the world, to one call. */
export interface Answer {
  readonly call: MadeCall
  readonly outcome: Outcome<unknown>
}

/** Time that goes by without an answer: never more than until the next moment at which something is due. */
interface Passing {
  readonly passedMs: number
}

/** What the caller does while the scenario runs, such as asking for the next value: a word of the scenario's own. */
interface Act {
  readonly act: string
}

export type Happening = Answer | Passing | Act

/** How a run must end. `errorLike`: an error that is made on the way, so it is compared by what it says. */
export type Ending<O> = Outcome<O> | { readonly errorLike: Error }

/** What must be true at one moment of a run. */
export interface Moment<O> {
  /** All calls that have been made so far, those made again included. */
  readonly calls: readonly MadeCall[]
  /** Those among them that were cancelled although the run went on. */
  readonly cancelled?: readonly MadeCall[]
  /** In how many ms something is due by itself, >= 1. Absent: never. */
  readonly nextMs?: number | undefined
  /** What the caller can do now. */
  readonly acts?: readonly string[]
  /** Once there is one, nothing runs. */
  readonly outcome?: Ending<O> | undefined
}

/** Tells what must be true after `history`, for a run on `input`. */
export type Reference<I, O> = (input: I, history: readonly Happening[]) => Moment<O>

/** A run from its start to its end: what happens, in order, and what must come of it. */
export interface Script<O> {
  readonly happenings: readonly Happening[]
  /** `'abort'`: after all that, the caller aborts. */
  readonly ending: Ending<O> | 'abort'
}

/** The answers that a call can get in a script, the ordinary one first. `history`: what has happened before. */
export type AnswersTo = (call: MadeCall, history?: readonly Happening[]) => readonly Outcome<unknown>[]

/** Every script of a run on `input`: each order of what can happen, each failure, and an abort after each step. */
export function* scripts<I, O>(
  reference: Reference<I, O>,
  input: I,
  answersTo: AnswersTo = everyAnswer,
  happenings: readonly Happening[] = [],
): Generator<Script<O>> {
  const moment = reference(input, happenings)
  if (moment.outcome) {
    yield { happenings, ending: moment.outcome }
    return
  }
  yield { happenings, ending: 'abort' }
  const waiting = unanswered(moment, happenings)
  for (const next of possibleHappenings(moment, waiting, happenings, answersTo)) {
    yield* scripts(reference, input, answersTo, [...happenings, next])
  }
}

/** All that can happen next: answers to what is `waiting` first, then what the caller can do, then time. */
export function possibleHappenings<O>(
  moment: Moment<O>,
  waiting: readonly MadeCall[],
  history: readonly Happening[],
  answersTo: AnswersTo,
): Happening[] {
  return [
    ...waiting.flatMap((call) => answersTo(call, history).map((outcome): Answer => ({ call, outcome }))),
    ...(moment.acts ?? []).map((act): Act => ({ act })),
    ...(moment.nextMs === undefined ? [] : [{ passedMs: moment.nextMs }]),
  ]
}

/** The calls that still wait for their answer. A `listen` waits for more until it has failed. */
export function unanswered<O>(
  { calls, cancelled = [] }: Moment<O>,
  history: readonly Happening[],
): MadeCall[] {
  const over = cancelled.map(nameOf)
  for (const { call, outcome } of answersIn(history)) {
    if (call.name !== 'listen' || 'error' in outcome) over.push(nameOf(call))
  }
  if (over.length === 0) return [...calls]
  return calls.filter((call) => {
    const index = over.indexOf(nameOf(call))
    if (index !== -1) over.splice(index, 1)
    return index === -1
  })
}

/** A call as text: two calls are the same when this is the same. */
export function nameOf({ name, input }: MadeCall): string {
  return input === undefined ? name : `${name}(${JSON.stringify(input)})`
}

/** A happening in a few words. */
export function tell(happening: Happening): string {
  if ('passedMs' in happening) return `${happening.passedMs} ms pass`
  if ('act' in happening) return happening.act
  const { call, outcome } = happening
  if ('error' in outcome) return `${nameOf(call)} fails with ${String(outcome.error)}`
  return `${nameOf(call)} answers ${JSON.stringify(outcome.value)}`
}

export function answersIn(history: readonly Happening[]): Answer[] {
  return history.filter((happening) => 'call' in happening)
}

/** How much time has passed. */
export function passedMsIn(history: readonly Happening[]): number {
  let total = 0
  for (const happening of history) if ('passedMs' in happening) total += happening.passedMs
  return total
}

/** What `combine` calls: a part of every scenario that combines. */
export const combineCalls = (sku: Sku): readonly MadeCall[] => [
  { name: 'findStock', input: sku },
  { name: 'fetchReservation', input: sku },
]

/** As many different products as are asked for. */
export const skusOf = (count: number): readonly Sku[] => Array.from({ length: count }, (_, n) => `A-${n}`)

/** Each call succeeds or fails, in one way: the orders are what there is to try. */
export const oneSuccess: AnswersTo = (call) => [...successes(call).slice(0, 1), failure(call)]

/** Mostly what succeeds, or a walk would seldom get far. */
export const mostlySuccess: AnswersTo = (call) => [
  ...successes(call),
  ...successes(call),
  ...successes(call),
  failure(call),
]

export const everyAnswer: AnswersTo = (call) => [...successes(call), failure(call)]

/** The answers that a call can get when it succeeds: the ordinary one first. */
export function successes({ name, input }: MadeCall): readonly { readonly value: unknown }[] {
  // Casts, because a made call may be any.
  switch (name) {
    case 'findStock':
      return [{ value: { sku: input, onHand: 42 } }, { value: { sku: input, onHand: 0 } }]
    case 'fetchReservation':
      return [{ value: { sku: input, reserved: 2 } }, { value: { sku: input, reserved: 0 } }]
    case 'fetchReservationFrom': {
      const { replica, sku } = input as ReplicaSku
      return [{ value: { sku, reserved: 2 + replica } }]
    }
    case 'openSession':
      return [{ value: 'order-1' }]
    case 'takeStock':
      return [{ value: { sku: (input as SkuUnits).sku, onHand: 7 } }]
    case 'confirmOrder': {
      const { order, sku, units } = input as Order
      return [{ value: { order, sku, units } }]
    }
    case 'findStocks':
      return [{ value: (input as readonly Sku[]).map((sku) => ({ sku, onHand: 42 })) }]
    case 'fetchPage':
      return [{ value: `/pictures/${String(input)}` }]
    case 'fetchPicture':
      return [{ value: { address: input, bytes: new Uint8Array() } }]
    case 'resize': {
      const { picture, width } = input as PictureWidth
      return [{ value: { width, height: width / 2, bytes: new TextEncoder().encode(picture.address) } }]
    }
    case 'listen':
      return [{ value: { id: 1, channel: input, text: 'hello' } }]
    case 'readChunk':
      return [{ value: Uint8Array.of(1, 2, 3) }, { value: null }]
    default:
      return [{ value: undefined }]
  }
}

/** The failure of a call: a new error each time, because the suite asks for that very object. */
export const failure = (call: MadeCall): { readonly error: Error } => ({
  error: withoutStack(() => errorOf(call)),
})

/**
 * The errors that `make` makes do not note where they were made, which would say nothing and takes longer than all
 * else: a walk makes one for everything that could fail at every step.
 */
export function withoutStack<A>(make: () => A): A {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 0
  try {
    return make()
  } finally {
    Error.stackTraceLimit = limit
  }
}

function errorOf({ name }: MadeCall): Error {
  switch (name) {
    case 'fetchReservation':
    case 'fetchReservationFrom':
    case 'confirmOrder':
    case 'fetchPage':
    case 'fetchPicture':
      return new HttpError('bad gateway', { status: 502 })
    case 'resize':
      return new WorkerError('the worker is gone')
    case 'readChunk':
    case 'writeChunk':
    case 'endOutput':
      return new SocketError('the client has reset the connection', { code: 'ECONNRESET' })
    default:
      return new DatabaseError('connection lost')
  }
}

/** The first failure among the answers, which ends a run whose calls are all needed. */
export function firstFailure(history: readonly Happening[]): { readonly error: Error } | undefined {
  for (const { outcome } of answersIn(history)) if ('error' in outcome) return outcome
  return undefined
}

/** The stock that the database has answered, if it has. */
export function stockIn(history: readonly Happening[]): Stock | undefined {
  return valueOf(history, 'findStock') as Stock | undefined
}

/** The reservation that the service has answered, if it has. */
export function reservationIn(history: readonly Happening[]): Reservation | undefined {
  return valueOf(history, 'fetchReservation') as Reservation | undefined
}

/** Its users cast, because a history holds the answers of every call. */
function valueOf(history: readonly Happening[], name: MadeCall['name']): unknown {
  const outcome = answersIn(history).find(({ call }) => call.name === name)?.outcome
  return outcome && 'value' in outcome ? outcome.value : undefined
}
