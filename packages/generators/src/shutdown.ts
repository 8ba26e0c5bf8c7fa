import type { Availability, ShutdownInput, Sku } from '@overlap/workload'
import { ClosedError, checkShutdown } from '@overlap/workload'
import type { Backend } from './backend.ts'
import { combine } from './combine.ts'
import { type Operation, latch, raceFirst, run, sleep } from './operation.ts'

/** Answers until it is closed. */
export interface Service {
  /** Throws a `ClosedError` once it is closed. */
  readonly answer: (sku: Sku) => Operation<Availability>
  /** Waits until nothing runs any more, and every answer has been told. Closing twice is closing once. */
  readonly close: () => Operation<void>
}

/**
 * Answers until it is closed; then lets what runs finish for `graceMs`, and cancels the rest.
 *
 * The grace begins with the first `close`. An answer throws its own first error, or a `ClosedError`, after
 * `raceFirst` has cancelled its calls. The timer is cleared when nothing runs any more.
 */
export function shutdown(backend: Backend, input: ShutdownInput): Service {
  checkShutdown(input)
  const overdue = latch()
  const idle = latch()
  let running = 0
  let isClosed = false

  function* answer(sku: Sku): Operation<Availability> {
    if (isClosed) throw new ClosedError()
    running++
    try {
      return yield* raceFirst(combine(backend, sku), refuse())
    } finally {
      running--
      openIfIdle()
    }
  }
  function* refuse(): Operation<never> {
    yield* overdue.wait()
    throw new ClosedError()
  }

  function* close(): Operation<void> {
    if (!isClosed) {
      isClosed = true
      openIfIdle()
      // It runs by itself, so that the grace goes on when whoever closes does not wait any more.
      run(raceFirst(idle.wait(), sleep(input.graceMs)), overdue.open)
    }
    yield* idle.wait()
  }
  function openIfIdle() {
    if (isClosed && running === 0) idle.open()
  }
  return { answer, close }
}
