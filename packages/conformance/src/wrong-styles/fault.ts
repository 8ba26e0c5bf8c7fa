/** What the wrong styles are made of: the plainest means to do the scenarios right, and to get them wrong. */
import {
  type Call,
  type DatabaseError,
  type Port,
  type Session,
  type Style,
  toPromise,
} from '@overlap/workload'

/** One way to be wrong. What it does not name is done right. */
export interface Wrong {
  /** Says what is wrong. */
  readonly name: string
  /** The ids of the clauses that it is made to fail, in each scenario that it gets wrong. */
  readonly fails: readonly string[]
  readonly faults: Partial<Style>
}

/** A scenario that answers once. */
export type Run<I, A> = (port: Port, input: I, signal: AbortSignal) => Promise<A>

/** A scenario that answers many times. */
type Sequence<I, A> = (port: Port, input: I, signal: AbortSignal) => AsyncIterable<A>

/**
 * A sequence as one answer, so that it can have every fault that an answer can have. Of an endless one it
 * reads so `many`, and leaves.
 */
export const collected =
  <I, A>(sequence: Sequence<I, A>, many = Infinity): Run<I, readonly A[]> =>
  async (port, input, signal) => {
    const values: A[] = []
    for await (const value of sequence(port, input, signal)) {
      values.push(value)
      if (values.length === many) break
    }
    return values
  }

/** The way back: nothing is yielded before all of it is there, which an eager reader does not see. */
export const yielded =
  <I, A>(run: Run<I, readonly A[]>): Sequence<I, A> =>
  (port, input, signal) => ({
    [Symbol.asyncIterator]() {
      let all: Promise<readonly A[]> | undefined
      let read = 0
      return {
        next() {
          all ??= run(port, input, signal)
          const index = read++
          return thenable((resolve, reject) => {
            const settle = (values: readonly A[] | undefined) =>
              resolve(
                values && index < values.length
                  ? { done: false, value: values[index] as A }
                  : { done: true, value: undefined },
              )
            void all?.then(settle, reject)
          })
        },
      }
    },
  })

export const wrong = (name: string, fails: readonly string[], faults: Partial<Style>): Wrong => ({
  name,
  fails,
  faults,
})

/** A signal that does not abort. */
export const never = new AbortController().signal

export const call = <I, A>(start: Call<I, A>, input: I, signal: AbortSignal): Promise<A> =>
  toPromise<A>((done) => start(input, done), signal)

export const sleep = (ms: number, signal: AbortSignal): Promise<void> =>
  toPromise<void>((done) => {
    const timer = setTimeout(done, ms, null)
    return () => clearTimeout(timer)
  }, signal)

/** What the signal of a scope that has ended aborts with: nobody is there to read it. */
const over = new Error('the scope has ended')

/**
 * Runs `body` with a signal that aborts with the caller's, and when `body` ends. Not `AbortSignal.any`, whose
 * signals outlive their runs until all garbage is collected, which was a third of the suite's time.
 */
export async function scoped<A>(signal: AbortSignal, body: (inner: AbortSignal) => Promise<A>): Promise<A> {
  const inner = new AbortController()
  const abort = () => inner.abort(signal.reason)
  if (signal.aborted) abort()
  else signal.addEventListener('abort', abort, { once: true })
  try {
    return await body(inner.signal)
  } finally {
    signal.removeEventListener('abort', abort)
    inner.abort(over)
  }
}

type Wrap = <I, A, E>(start: Call<I, A, E>) => Call<I, A, E>

/** The port, each of whose calls is started as `wrap` says, and those of its sessions. */
export function wrapCalls(port: Port, wrap: Wrap): Port {
  const { listen, ...calls } = port
  const wrapped = Object.entries({ ...calls, openSession: openWrapped(port.openSession, wrap) }).map(
    ([name, start]) => [name, wrap(start as Call<unknown, unknown>)],
  )
  return { ...Object.fromEntries(wrapped), listen: listenWrapped(listen, wrap) } as Port
}

/** A listener is told of its end as a call is of its answer. What comes before that is not the wrap's. */
const listenWrapped =
  (listen: Port['listen'], wrap: Wrap): Port['listen'] =>
  (channel) =>
  (next, done) =>
    wrap<void, void, DatabaseError>((_, ended) => listen(channel)(next, ended))(undefined, done)

function openWrapped(open: Port['openSession'], wrap: Wrap): Port['openSession'] {
  const wrapSession = (session: Session): Session => ({
    order: session.order,
    takeStock: wrap(session.takeStock),
    commit: wrap(session.commit),
    close: () => session.close(),
  })
  return (input, done) => open(input, (error, session) => done(error, session && wrapSession(session)))
}

/** The port, with someone who sees an answer before the style does. */
export function tap(port: Port, onError: (error: unknown) => void, onValue = () => {}): Port {
  return wrapCalls(
    port,
    (start) => (input, done) =>
      start(input, (error, value) => {
        if (error) onError(error)
        else onValue()
        done(error, value)
      }),
  )
}

/** A promise only by its type: whoever listens is called when, and as often as, `start` says. */
export function thenable<A>(
  start: (resolve: (value: A) => void, reject: (error: unknown) => void) => void,
): Promise<A> {
  // oxlint-disable-next-line no-thenable
  return { then: start } as Promise<A>
}
