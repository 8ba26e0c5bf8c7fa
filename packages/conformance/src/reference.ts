/**
 * The reference model: what a scenario must have called by now, and how it must end, as a pure
 * function of what has been answered. From it come every script that a style can be put through.
 */
import { DatabaseError, HttpError, type Reservation, type Stock } from '@overlap/workload'
import type { MadeCall, Outcome } from './scripted-port.ts'

/** One answer of the world, to one call. */
export interface Answer {
  readonly call: MadeCall
  readonly outcome: Outcome<unknown>
}

/**
 * Tells what must be true after `history`, for a run on `input`.
 *
 * `calls` are those made so far, in the order of cause. Once there is an `outcome`, nothing runs.
 */
export type Reference<I, O> = (
  input: I,
  history: readonly Answer[],
) => { readonly calls: readonly MadeCall[]; readonly outcome?: Outcome<O> | undefined }

/** A run from its start to its end: the answers in their order, and what must come of it. */
export interface Script<O> {
  readonly answers: readonly Answer[]
  /** `'abort'`: after the answers, the caller aborts. */
  readonly ending: Outcome<O> | 'abort'
}

/** Every script of a run on `input`: each order of answers, each failure, and an abort after each answer. */
export function* scripts<I, O>(
  reference: Reference<I, O>,
  input: I,
  answers: readonly Answer[] = [],
): Generator<Script<O>> {
  const { calls, outcome } = reference(input, answers)
  if (outcome) {
    yield { answers, ending: outcome }
    return
  }
  yield { answers, ending: 'abort' }
  for (const call of unanswered(calls, answers)) {
    for (const possible of [...successes(call), failure(call)]) {
      yield* scripts(reference, input, [...answers, { call, outcome: possible }])
    }
  }
}

/** The calls that still wait for their answer. */
export function unanswered(calls: readonly MadeCall[], answers: readonly Answer[]): MadeCall[] {
  return calls.filter((call) => !answers.some((answer) => isSame(answer.call, call)))
}

export function isSame(a: MadeCall, b: MadeCall): boolean {
  return a.name === b.name && a.input === b.input
}

/** The answers that a call can get when it succeeds: the ordinary one first. */
export function successes({ name, input: sku }: MadeCall): readonly { readonly value: unknown }[] {
  if (name === 'findStock') return [{ value: { sku, onHand: 42 } }, { value: { sku, onHand: 0 } }]
  return [{ value: { sku, reserved: 2 } }, { value: { sku, reserved: 0 } }]
}

/** The failure of a call: a new error each time, because the suite asks for that very object. */
export function failure({ name }: MadeCall): { readonly error: Error } {
  if (name === 'findStock') return { error: new DatabaseError('connection lost') }
  return { error: new HttpError('bad gateway', { status: 502 }) }
}

/** The first failure among the answers, which ends a run whose calls are all needed. */
export function firstFailure(answers: readonly Answer[]): { readonly error: Error } | undefined {
  for (const { outcome } of answers) if ('error' in outcome) return outcome
  return undefined
}

/** The stock that the database has answered, if it has. */
export function stockIn(answers: readonly Answer[]): Stock | undefined {
  return valueOf(answers, 'findStock') as Stock | undefined
}

/** The reservation that the service has answered, if it has. */
export function reservationIn(answers: readonly Answer[]): Reservation | undefined {
  return valueOf(answers, 'fetchReservation') as Reservation | undefined
}

/** Its users cast, because a history holds the answers of every call. */
function valueOf(answers: readonly Answer[], name: MadeCall['name']): unknown {
  const outcome = answers.find(({ call }) => call.name === name)?.outcome
  return outcome && 'value' in outcome ? outcome.value : undefined
}
