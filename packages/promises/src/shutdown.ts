import type { Availability, AvailabilityService, ShutdownInput, Sku } from '@overlap/workload'
import { ClosedError, checkShutdown } from '@overlap/workload'
import type { Backend } from './backend.ts'
import { combine } from './combine.ts'
import { scope } from './scope.ts'
import { sleep } from './sleep.ts'

/**
 * Answers until it is closed; then lets what runs finish for `graceMs`, and cancels the rest.
 *
 * The grace begins with the first `close`. An answer rejects with its own first error, with the reason
 * once its signal aborts, or with a `ClosedError`, after it has aborted its calls. The timer is cleared
 * when nothing runs any more.
 */
export function shutdown(backend: Backend, input: ShutdownInput): AvailabilityService {
  checkShutdown(input)
  const running = new Set<Promise<Availability>>()
  const overdue = new AbortController()
  let closed: Promise<void> | undefined

  async function answer(sku: Sku, signal: AbortSignal): Promise<Availability> {
    signal.throwIfAborted()
    if (closed) throw new ClosedError()
    const answering = scope(signal, (wanted) => combine(backend, sku, wanted), overdue.signal)
    running.add(answering)
    try {
      return await answering
    } finally {
      running.delete(answering)
    }
  }

  function close(): Promise<void> {
    closed ??= drain()
    return closed
  }

  async function drain(): Promise<void> {
    const finished = Promise.allSettled(running)
    await Promise.race([finished, sleep(input.graceMs, overdue.signal)])
    // It aborts the sleep, too.
    overdue.abort(new ClosedError())
    await finished
  }
  return { answer, close }
}
