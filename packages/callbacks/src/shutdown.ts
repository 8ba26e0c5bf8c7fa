import type { Availability, Call, Cancel, Done, PortError, ShutdownInput, Sku } from '@overlap/workload'
import { ClosedError, checkShutdown } from '@overlap/workload'
import type { Backend } from './backend.ts'
import { combine } from './combine.ts'

/** Answers until it is closed. */
export interface Service {
  /** Calls `done` with a `ClosedError` once it is closed. */
  readonly answer: Call<Sku, Availability, PortError | ClosedError>
  /** Calls `done` when nothing runs any more, and every answer has been told. Closing twice is closing once. */
  readonly close: (done: Done<void>) => void
}

/**
 * Answers until it is closed; then lets what runs finish for `graceMs`, and cancels the rest.
 *
 * The grace begins with the first `close`. An answer calls `done` with its own first error, or with a
 * `ClosedError`, after it has cancelled its calls. The timer is cleared when nothing runs any more.
 */
export function shutdown(backend: Backend, input: ShutdownInput): Service {
  checkShutdown(input)
  /** Of each answer that runs: ends it with a `ClosedError`. */
  const running = new Set<() => void>()
  const closers: Done<void>[] = []
  let isClosed = false
  let grace: NodeJS.Timeout | undefined

  function answer(sku: Sku, done: Done<Availability, PortError | ClosedError>): Cancel {
    if (isClosed) {
      // Not at once: the caller does not hold the `Cancel` yet.
      const immediate = setImmediate(done, new ClosedError())
      return () => clearImmediate(immediate)
    }
    const cancelCombine = combine(backend, sku, (error, availability) => {
      leave()
      done(error, availability)
    })
    function leave() {
      running.delete(refuse)
      endIfIdle()
    }
    function cancel() {
      cancelCombine()
      leave()
    }
    function refuse() {
      cancel()
      done(new ClosedError())
    }
    running.add(refuse)
    return cancel
  }

  function close(done: Done<void>) {
    closers.push(done)
    if (!isClosed) grace = setTimeout(refuseAll, input.graceMs)
    isClosed = true
    endIfIdle()
  }
  function refuseAll() {
    for (const refuse of running) refuse()
  }
  function endIfIdle() {
    if (!isClosed || running.size > 0) return
    clearTimeout(grace)
    // Not at once: whoever has left last is told first.
    setImmediate(tellClosers)
  }
  function tellClosers() {
    for (const done of closers.splice(0)) done(null)
  }
  return { answer, close }
}
