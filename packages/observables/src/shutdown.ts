import type { Availability, ShutdownInput, Sku } from '@overlap/workload'
import { ClosedError, checkShutdown } from '@overlap/workload'
import {
  BehaviorSubject,
  type Observable,
  defer,
  delay,
  finalize,
  first,
  map,
  share,
  takeUntil,
  throwError,
  throwIfEmpty,
} from 'rxjs'
import type { Backend } from './backend.ts'
import { combine } from './combine.ts'

/** Answers until it is closed. */
export interface Service {
  /** Errors with a `ClosedError` once it is closed. */
  readonly answer: (sku: Sku) => Observable<Availability>
  /** Emits when nothing runs any more, and every answer has been told. Closing twice is closing once. */
  readonly close: () => Observable<void>
}

/**
 * Answers until it is closed; then lets what runs finish for `graceMs`, and cancels the rest.
 *
 * The grace begins with the first `close`. An answer errors with its own first error, or with a
 * `ClosedError`, after `takeUntil` has unsubscribed from its calls. The timer is cleared when nothing runs
 * any more.
 */
export function shutdown(backend: Backend, input: ShutdownInput): Service {
  checkShutdown(input)
  const running = new BehaviorSubject(0)
  const isClosed = new BehaviorSubject(false)
  const closing = isClosed.pipe(first(Boolean))
  // `share` holds the one timer for as long as an answer waits for it.
  const overdue = closing.pipe(delay(input.graceMs), share())

  return {
    answer: (sku) =>
      defer(() => {
        if (isClosed.value) return throwError(() => new ClosedError())
        running.next(running.value + 1)
        return combine(backend, sku).pipe(
          takeUntil(overdue),
          throwIfEmpty(() => new ClosedError()),
          finalize(() => running.next(running.value - 1)),
        )
      }),
    close: () =>
      defer(() => {
        isClosed.next(true)
        return running.pipe(
          first((count) => count === 0),
          map(() => undefined),
        )
      }),
  }
}
