/**
 * Styles that are wrong on purpose, each in one way that real programs are: the proof that the clauses
 * can fail. What a wrong style does not name is done right.
 */
import {
  type Availability,
  type Call,
  type Port,
  type Sku,
  type Stock,
  type Style,
  noReservation,
  toAvailability,
  toPromise,
} from '@overlap/workload'

export interface WrongStyle {
  /** Its name says what is wrong with it. */
  readonly style: Style
  /** The ids of the clauses that it is made to fail, in each scenario that it gets wrong. */
  readonly fails: readonly string[]
}

type Run = (port: Port, sku: Sku, signal: AbortSignal) => Promise<Availability>

/** The scenarios done right, with the plainest means. */
const right = {
  sequence: async (port: Port, sku: Sku, signal: AbortSignal) => {
    const stock = await call(port.findStock, sku, signal)
    if (stock.onHand === 0) return toAvailability(stock, noReservation(sku))
    return toAvailability(stock, await call(port.fetchReservation, sku, signal))
  },
  combine: (port: Port, sku: Sku, signal: AbortSignal) =>
    scoped(signal, async (either) => {
      const stock = call(port.findStock, sku, either)
      const reservation = call(port.fetchReservation, sku, either)
      return toAvailability(...(await Promise.all([stock, reservation])))
    }),
}

const call = <I, A>(start: Call<I, A>, input: I, signal: AbortSignal) =>
  toPromise<A>((done) => start(input, done), signal)

/** Runs `body` with a signal that aborts with the caller's, and when `body` ends. */
async function scoped<A>(signal: AbortSignal, body: (either: AbortSignal) => Promise<A>) {
  const own = new AbortController()
  try {
    return await body(AbortSignal.any([signal, own.signal]))
  } finally {
    own.abort()
  }
}

/** Gets both scenarios wrong in the same way. */
const both = (fault: (run: Run) => Run) => ({
  sequence: fault(right.sequence),
  combine: fault(right.combine),
})

const wrong = (
  name: string,
  fails: readonly string[],
  faults: { readonly sequence?: Run; readonly combine?: Run },
): WrongStyle => ({ style: { name, ...right, ...faults }, fails })

const never = new AbortController().signal

/** Fails no clause: what is wrong with the styles below is their fault alone. */
export const control: Style = { name: 'right', ...right }

export const wrongStyles: readonly WrongStyle[] = [
  wrong('takes what arrives first for the stock', ['result'], {
    combine: (port, sku, signal) =>
      scoped(signal, async (either) => {
        const arrived: unknown[] = []
        const note = (answer: unknown) => arrived.push(answer)
        const stock = call(port.findStock, sku, either).then(note)
        const reservation = call(port.fetchReservation, sku, either).then(note)
        await Promise.all([stock, reservation])
        return toAvailability(...(arrived as Parameters<typeof toAvailability>))
      }),
  }),
  wrong(
    'wraps the error',
    ['first error'],
    both((run) => (port, sku, signal) => {
      const wrap = (cause: unknown) => new Error('could not read the availability', { cause })
      return run(port, sku, signal).catch((error: unknown) => {
        throw signal.aborted ? error : wrap(error)
      })
    }),
  ),
  wrong('waits for every call before it fails', ['first error'], {
    combine: async (port, sku, signal) => {
      const stock = call(port.findStock, sku, signal)
      const reservation = call(port.fetchReservation, sku, signal)
      await Promise.allSettled([stock, reservation])
      return toAvailability(await stock, await reservation)
    },
  }),
  wrong('cancels no sibling', ['nothing outlives it', 'nothing left', 'at every step'], {
    combine: async (port, sku, signal) => {
      const stock = call(port.findStock, sku, signal)
      const reservation = call(port.fetchReservation, sku, signal)
      return toAvailability(...(await Promise.all([stock, reservation])))
    },
  }),
  wrong(
    'abandons its calls on abort',
    ['nothing outlives it', 'abort'],
    both((run) => async (port, sku, signal) => {
      signal.throwIfAborted()
      const result = run(port, sku, never)
      const { promise, reject } = Promise.withResolvers<never>()
      const abort = () => reject(signal.reason)
      signal.addEventListener('abort', abort, { once: true })
      return Promise.race([result, promise]).finally(() => signal.removeEventListener('abort', abort))
    }),
  ),
  wrong(
    'has an abort error of its own',
    ['abort', 'aborted before'],
    both((run) => (port, sku, signal) => {
      const own = new DOMException('aborted', 'AbortError')
      return run(port, sku, signal).catch((error: unknown) => {
        throw signal.aborted ? own : error
      })
    }),
  ),
  wrong(
    'looks at the signal when it has started',
    ['aborted before'],
    both((run) => async (port, sku, signal) => {
      const late = new AbortController()
      const result = run(port, sku, late.signal)
      const abort = () => late.abort(signal.reason)
      if (signal.aborted) abort()
      else signal.addEventListener('abort', abort, { once: true })
      return result.finally(() => signal.removeEventListener('abort', abort))
    }),
  ),
  wrong(
    'leaves a listener on the signal',
    ['nothing left'],
    both((run) => (port, sku, signal) => {
      signal.addEventListener('abort', () => {})
      return run(port, sku, signal)
    }),
  ),
  wrong(
    'leaves a timer',
    ['nothing left'],
    both((run) => (port, sku, signal) => {
      setTimeout(() => {}, 30_000).unref()
      return run(port, sku, signal)
    }),
  ),
  wrong(
    'fails in the tick of the error',
    ['once'],
    both(
      (run) => (port, sku, signal) =>
        thenable((resolve, reject) => {
          let failed = false
          const fail = (error: unknown) => {
            if (failed) return
            failed = true
            reject(error)
          }
          run(tap(port, fail), sku, signal).then(resolve, fail)
        }),
    ),
  ),
  wrong(
    'settles at once when the signal has aborted',
    ['once'],
    both((run) => (port, sku, signal) => {
      if (!signal.aborted) return run(port, sku, signal)
      return thenable((_, reject) => reject(signal.reason))
    }),
  ),
  wrong(
    'settles twice',
    ['once'],
    both((run) => (port, sku, signal) => {
      const result = run(port, sku, signal)
      return thenable((resolve, reject) => {
        void result.then(resolve, reject)
        void result.then(resolve, reject)
      })
    }),
  ),
  wrong('asks the database twice', ['equal work'], {
    combine: (port, sku, signal) =>
      scoped(signal, async (either) => {
        call(port.findStock, sku, either).catch(() => {})
        return right.combine(port, sku, either)
      }),
  }),
  wrong(
    'does not ask for the reservation',
    ['result', 'equal work'],
    both(() => async (port, sku, signal) => {
      const stock = await call(port.findStock, sku, signal)
      return toAvailability(stock, noReservation(sku))
    }),
  ),
  wrong('asks for the reservation early', ['equal work', 'one after the other', 'out of stock'], {
    sequence: right.combine,
  }),
  wrong('asks one after the other', ['equal work', 'at the same time'], {
    combine: async (port, sku, signal) => {
      const stock = await call(port.findStock, sku, signal)
      return toAvailability(stock, await call(port.fetchReservation, sku, signal))
    },
  }),
  wrong('asks for a reservation of nothing', ['equal work', 'out of stock'], {
    sequence: async (port, sku, signal) => {
      const stock = await call(port.findStock, sku, signal)
      return toAvailability(stock, await call(port.fetchReservation, sku, signal))
    },
  }),
  wrong('keeps the stock in the module', ['alone'], {
    combine: (port, sku, signal) =>
      scoped(signal, async (either) => {
        const stock = call(port.findStock, sku, either).then((found) => (lastFound = found))
        const reservation = call(port.fetchReservation, sku, either)
        const [, reserved] = await Promise.all([stock, reservation])
        return toAvailability(lastFound, reserved)
      }),
    sequence: async (port, sku, signal) => {
      lastFound = await call(port.findStock, sku, signal)
      if (lastFound.onHand === 0) return toAvailability(lastFound, noReservation(sku))
      const reservation = await call(port.fetchReservation, sku, signal)
      return toAvailability(lastFound, reservation)
    },
  }),
  wrong('does not hear an abort after the first answer', ['at every step'], {
    combine: async (port, sku, signal) => {
      const deaf = new AbortController()
      const abort = () => deaf.abort(signal.reason)
      if (signal.aborted) abort()
      signal.addEventListener('abort', abort, { once: true })
      const stopHearing = () => signal.removeEventListener('abort', abort)
      return right.combine(tap(port, stopHearing, stopHearing), sku, deaf.signal).finally(stopHearing)
    },
    sequence: async (port, sku, signal) => {
      const stock = await call(port.findStock, sku, signal)
      if (stock.onHand === 0) return toAvailability(stock, noReservation(sku))
      return toAvailability(stock, await call(port.fetchReservation, sku, never))
    },
  }),
  wrong(
    'lets a throw through',
    ['a throw is a failure'],
    both((run) => (port, sku, signal) => run(startLater(port), sku, signal)),
  ),
]

let lastFound: Stock

/** A promise only by its type: whoever listens is called when, and as often as, `start` says. */
function thenable(
  start: (resolve: (value: Availability) => void, reject: (error: unknown) => void) => void,
): Promise<Availability> {
  // oxlint-disable-next-line no-thenable
  return { then: start } as Promise<Availability>
}

/** The port, with someone who sees an answer before the style does. */
function tap(port: Port, onError: (error: unknown) => void, onValue = () => {}): Port {
  const tapped =
    <I, A, E>(start: Call<I, A, E>): Call<I, A, E> =>
    (input, done) =>
      start(input, (error, value) => {
        if (error) onError(error)
        else onValue()
        done(error, value)
      })
  return { findStock: tapped(port.findStock), fetchReservation: tapped(port.fetchReservation) }
}

/** The port, whose calls start in another turn of the loop, where nobody catches what they throw. */
function startLater(port: Port): Port {
  const later =
    <I, A, E>(start: Call<I, A, E>): Call<I, A, E> =>
    (input, done) => {
      let cancel = () => {}
      const immediate = setImmediate(() => (cancel = start(input, done)))
      return () => {
        clearImmediate(immediate)
        cancel()
      }
    }
  return { findStock: later(port.findStock), fetchReservation: later(port.fetchReservation) }
}
