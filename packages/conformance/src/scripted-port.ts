/**
 * The outside world as the test wants it: no call answers by itself, and every call is remembered.
 */
import type {
  Call,
  Channel,
  DatabaseError,
  Done,
  Message,
  OrderId,
  Port,
  Session,
  Source,
} from '@overlap/workload'

/** The calls of the port, and those of a session. */
export type CallName = keyof Port | Exclude<keyof Session, 'order' | 'close'>

/** A call as the reference model speaks of it: which one, and with what input. */
export interface MadeCall {
  readonly name: CallName
  readonly input: unknown
}

/** A call that a style has made. It ends when the test answers it, or when the style cancels it: a `listen` with an error alone. */
export interface ScriptedCall extends MadeCall {
  readonly state: 'running' | 'answered' | 'cancelled'
  /** Answers it. A call that does not run any more stays silent, as the port promises. */
  answer(outcome: Outcome<unknown>): void
}

/** How something ended: with a value, or with an error. */
export type Outcome<A> = { readonly value: A } | { readonly error: Error }

/** What calls throw, by their names. */
export type Throws = Readonly<Partial<Record<CallName, Error>>>

export interface ScriptedPort {
  readonly port: Port
  /** Every call so far, in the order in which they were made. */
  readonly calls: readonly ScriptedCall[]
  /** Sessions that were opened and have not been closed. */
  readonly openSessions: number
  /** What `done` threw into the port, and sessions that were misused. Until it is taken from here. */
  readonly faults: string[]
}

/** A port that follows a script. A call whose name is in `throws` throws that error instead of starting. */
export function scriptedPort(throws: Throws = {}): ScriptedPort {
  const calls: ScriptedCall[] = []
  const faults: string[] = []
  let openSessions = 0

  function script<I, A, E extends Error>(
    name: CallName,
    toValue: (value: unknown) => unknown = (value) => value,
  ): Call<I, A, E> {
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
            tell(done, 'value' in outcome ? { value: toValue(outcome.value) } : outcome)
          } catch (thrown) {
            faults.push(`thrown into the port: ${String(thrown)}`)
          }
        },
      })
      return () => {
        if (state === 'running') state = 'cancelled'
      }
    }
  }

  /** A channel: each value that it is answered with is a message, and it goes on. */
  const listen = (channel: Channel): Source<Message, DatabaseError> => {
    const error = throws['listen']
    if (error) throw error
    return (next, done) => {
      let state: ScriptedCall['state'] = 'running'
      calls.push({
        name: 'listen',
        input: channel,
        get state() {
          return state
        },
        answer(outcome) {
          if (state !== 'running') return
          if ('error' in outcome) state = 'answered'
          try {
            // Casts, because a script holds the answers of every call in one list.
            if ('value' in outcome) next(outcome.value as Message)
            else done(outcome.error as DatabaseError)
          } catch (thrown) {
            faults.push(`thrown into the port: ${String(thrown)}`)
          }
        },
      })
      return () => {
        if (state === 'running') state = 'cancelled'
      }
    }
  }

  /** A session that says when it is misused. */
  function openSession(order: OrderId): Session {
    let closed = false
    openSessions++
    const inSession =
      <I, A, E>(name: CallName, start: Call<I, A, E>): Call<I, A, E> =>
      (input, done) => {
        if (closed) faults.push(`${name} was called on a session that is closed`)
        return start(input, done)
      }
    return {
      order,
      takeStock: inSession('takeStock', script('takeStock')),
      commit: inSession('commit', script('commit')),
      close() {
        if (closed) faults.push('the session was closed twice')
        else openSessions--
        closed = true
        for (const { name, state } of calls)
          if (state === 'running') faults.push(`the session was closed while ${name} was running`)
      },
    }
  }

  return {
    port: {
      findStock: script('findStock'),
      findStocks: script('findStocks'),
      fetchReservation: script('fetchReservation'),
      fetchReservationFrom: script('fetchReservationFrom'),
      openSession: script('openSession', (order) => openSession(order as OrderId)),
      confirmOrder: script('confirmOrder'),
      fetchPage: script('fetchPage'),
      fetchPicture: script('fetchPicture'),
      resize: script('resize'),
      listen,
      readChunk: script('readChunk'),
      writeChunk: script('writeChunk'),
      endOutput: script('endOutput'),
    },
    calls,
    get openSessions() {
      return openSessions
    },
    faults,
  }
}

/** Casts, because a script holds the answers of every call in one list. */
function tell<A, E extends Error>(done: Done<A, E>, outcome: Outcome<unknown>): void {
  if ('error' in outcome) done(outcome.error as E)
  else done(null, outcome.value as A)
}
