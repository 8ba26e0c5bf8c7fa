/**
 * The outside world as the test wants it: no call answers by itself, and every call is remembered.
 */
import type { Call, Done, Port } from '@overlap/workload'

/** A call as the reference model speaks of it: which one, and with what input. */
export interface MadeCall {
  readonly name: keyof Port
  readonly input: unknown
}

/** A call that a style has made. It ends when the test answers it, or when the style cancels it. */
interface ScriptedCall extends MadeCall {
  readonly state: 'running' | 'answered' | 'cancelled'
  /** Answers it. A call that does not run any more stays silent, as the port promises. */
  answer(outcome: Outcome<unknown>): void
}

/** How something ended: with a value, or with an error. */
export type Outcome<A> = { readonly value: A } | { readonly error: Error }

/** What calls throw, by their names. */
export type Throws = Readonly<Partial<Record<keyof Port, Error>>>

export interface ScriptedPort {
  readonly port: Port
  /** Every call so far, in the order in which they were made. */
  readonly calls: readonly ScriptedCall[]
  /** What `done` threw into the port, until it is taken from here. */
  readonly thrownByDone: unknown[]
}

/** A port that follows a script. A call whose name is in `throws` throws that error instead of starting. */
export function scriptedPort(throws: Throws = {}): ScriptedPort {
  const calls: ScriptedCall[] = []
  const thrownByDone: unknown[] = []

  function script<I, A, E extends Error>(name: keyof Port): Call<I, A, E> {
    return (input, done) => {
      const error = throws[name]
      if (error) throw error
      let state: ScriptedCall['state'] = 'running'
      calls.push({
        name,
        input,
        get state() {
          return state
        },
        answer(outcome) {
          if (state !== 'running') return
          state = 'answered'
          try {
            tell(done, outcome)
          } catch (thrown) {
            thrownByDone.push(thrown)
          }
        },
      })
      return () => {
        if (state === 'running') state = 'cancelled'
      }
    }
  }
  return {
    port: { findStock: script('findStock'), fetchReservation: script('fetchReservation') },
    calls,
    thrownByDone,
  }
}

/** Casts, because a script holds the answers of every call in one list. */
function tell<A, E extends Error>(done: Done<A, E>, outcome: Outcome<unknown>): void {
  if ('error' in outcome) done(outcome.error as E)
  else done(null, outcome.value as A)
}
