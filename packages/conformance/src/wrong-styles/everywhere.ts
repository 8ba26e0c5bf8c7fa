/** Faults that any scenario can have, whatever it does: the standing clauses find them in all of them. */
import {
  type AvailabilityService,
  type Call,
  type Done,
  type Port,
  type Regulated,
  type Sku,
  type StockLoader,
  type Style,
  checkBatch,
  checkShutdown,
} from '@overlap/workload'
import { type Run, tap, thenable, never, wrapCalls, wrong, collected, yielded } from './fault.ts'
import { MANY } from '../subscribe.suite.ts'
import { right } from './right.ts'

type Fault = <I, A>(run: Run<I, A>) => Run<I, A>

const everywhere = (name: string, fails: readonly string[], fault: Fault) => {
  const faults: Partial<Style> = {
    sequence: fault(right.sequence),
    combine: fault(right.combine),
    timeout: fault(right.timeout),
    retry: fault(right.retry),
    race: fault(right.race),
    hedge: fault(right.hedge),
    transaction: fault(right.transaction),
    limit: fault(right.limit),
    stream: yielded(fault(collected(right.stream))),
    latest: yielded(fault(collected(right.latest))),
    batch: loadingWith(fault),
    thumbnails: fault(right.thumbnails),
    subscribe: yielded(fault(collected(right.subscribe, MANY))),
    regulate: guardingWith(fault),
    shutdown: answeringWith(fault),
    echo: fault(right.echo),
  }
  return wrong(name, fails, faults)
}

/** A loader each of whose loads is a run. */
const loadingWith =
  (fault: Fault): Style['batch'] =>
  (port, input) => {
    checkBatch(input)
    let loader: StockLoader | undefined
    const load = fault((faulty, sku: Sku, signal) => {
      loader ??= right.batch(faulty, input)
      return loader.load(sku, signal)
    })
    return { load: (sku, signal) => load(port, sku, signal) }
  }

/** A service each of whose answers is a run. */
const answeringWith =
  (fault: Fault): Style['shutdown'] =>
  (port, input) => {
    checkShutdown(input)
    let service: AvailabilityService | undefined
    const answer = fault((faulty, sku: Sku, signal) => {
      service ??= right.shutdown(faulty, input)
      return service.answer(sku, signal)
    })
    return {
      answer: (sku, signal) => answer(port, sku, signal),
      close: () => service?.close() ?? Promise.resolve(),
    }
  }

/** A regulator each of whose works is a run: what is asked of its port is the work. */
const guardingWith =
  (fault: Fault): Style['regulate'] =>
  (input) => {
    const regulator = right.regulate(input)
    return {
      through<A>(request: Regulated, work: Call<void, A>, signal: AbortSignal) {
        const start: Call<unknown, unknown> = (asked, done) => (asked as Call<void, unknown>)(undefined, done)
        const guarded = fault((faulty, asked: unknown, own) =>
          regulator.through(request, (_, done: Done<A>) => asUnknown(faulty).start(asked, done), own),
        )
        // Casts, because this port has no call but the work.
        return guarded({ start } as unknown as Port, work, signal)
      },
      get keys() {
        return regulator.keys
      },
    }
  }

const asUnknown = (port: Port) => port as unknown as { readonly start: Call<unknown, never> }

/** What `keeps its input in the module` keeps. */
let lastInput: unknown

export const wrongEverywhere = [
  everywhere('forgets its result', ['result'], (run) => async (port, input, signal) => {
    await run(port, input, signal)
    // A cast, because that is the fault.
    return undefined as Awaited<ReturnType<typeof run>>
  }),
  everywhere(
    'wraps the error',
    ['first error'],
    (run) => (port, input, signal) =>
      run(port, input, signal).catch((error: unknown) => {
        throw signal.aborted ? error : new Error('could not do it', { cause: error })
      }),
  ),
  everywhere(
    'abandons its calls on abort',
    ['nothing outlives it', 'abort'],
    (run) => (port, input, signal) => {
      if (signal.aborted) return Promise.reject(signal.reason)
      const result = run(port, input, never)
      const { promise, reject } = Promise.withResolvers<never>()
      const abort = () => reject(signal.reason)
      signal.addEventListener('abort', abort, { once: true })
      return Promise.race([result, promise]).finally(() => signal.removeEventListener('abort', abort))
    },
  ),
  everywhere('has an abort error of its own', ['abort', 'aborted before'], (run) => (port, input, signal) => {
    const own = new DOMException('aborted', 'AbortError')
    return run(port, input, signal).catch((error: unknown) => {
      throw signal.aborted ? own : error
    })
  }),
  everywhere(
    'looks at the signal when it has started',
    ['aborted before'],
    (run) => async (port, input, signal) => {
      const late = new AbortController()
      const result = run(port, input, late.signal)
      const abort = () => late.abort(signal.reason)
      if (signal.aborted) abort()
      else signal.addEventListener('abort', abort, { once: true })
      return result.finally(() => signal.removeEventListener('abort', abort))
    },
  ),
  everywhere('leaves a listener on the signal', ['nothing left'], (run) => (port, input, signal) => {
    signal.addEventListener('abort', () => {})
    return run(port, input, signal)
  }),
  everywhere('leaves a timer', ['nothing left'], (run) => (port, input, signal) => {
    setTimeout(() => {}, 2 ** 31 - 1).unref()
    return run(port, input, signal)
  }),
  everywhere(
    'fails in the tick of the error',
    ['once'],
    (run) => (port, input, signal) =>
      thenable((resolve, reject) => {
        let failed = false
        const fail = (error: unknown) => {
          if (failed) return
          failed = true
          reject(error)
        }
        run(tap(port, fail), input, signal).then(resolve, fail)
      }),
  ),
  everywhere('settles at once when the signal has aborted', ['once'], (run) => (port, input, signal) => {
    if (!signal.aborted) return run(port, input, signal)
    return thenable((_, reject) => reject(signal.reason))
  }),
  everywhere('settles twice', ['once'], (run) => (port, input, signal) => {
    const result = run(port, input, signal)
    return thenable((resolve, reject) => {
      void result.then(resolve, reject)
      void result.then(resolve, reject)
    })
  }),
  everywhere(
    'makes every call twice',
    ['equal work'],
    (run) => (port, input, signal) => run(twice(port), input, signal),
  ),
  everywhere('keeps its input in the module', ['alone'], (run) => async (port, input, signal) => {
    lastInput = input
    await Promise.resolve()
    return run(port, lastInput as typeof input, signal)
  }),
  everywhere(
    'does not hear an abort after the first answer',
    ['at every step'],
    (run) => (port, input, signal) => {
      const deaf = new AbortController()
      const abort = () => deaf.abort(signal.reason)
      if (signal.aborted) abort()
      signal.addEventListener('abort', abort, { once: true })
      const stopHearing = () => signal.removeEventListener('abort', abort)
      return run(tap(port, stopHearing, stopHearing), input, deaf.signal).finally(stopHearing)
    },
  ),
  everywhere(
    'lets a throw through',
    ['a throw is a failure'],
    (run) => (port, input, signal) => run(startLater(port), input, signal),
  ),
]

function twice(port: Port): Port {
  return wrapCalls(port, (start) => (input, done) => {
    const cancels = [start(input, () => {}), start(input, done)]
    return () => {
      for (const cancel of cancels) cancel()
    }
  })
}

/** The port, whose calls start in another turn of the loop, where nobody catches what they throw. */
function startLater(port: Port): Port {
  return wrapCalls(port, (start) => (input, done) => {
    let cancel = () => {}
    const immediate = setImmediate(() => (cancel = start(input, done)))
    return () => {
      clearImmediate(immediate)
      cancel()
    }
  })
}
