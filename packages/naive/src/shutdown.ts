import type { Availability, ShutdownInput, Sku } from '@overlap/workload'
import { ClosedError } from '@overlap/workload'
import type { Backend } from './backend.ts'
import { combine } from './combine.ts'
import { sleep } from './sleep.ts'

/** Answers until it is closed. */
export interface Service {
  readonly answer: (sku: Sku) => Promise<Availability>
  readonly close: () => Promise<void>
}

/**
 * Answers until it is closed; then lets what runs finish for `graceMs`, and cancels the rest.
 *
 * What it leaves running: the rest. When the grace is over, `close` only stops waiting, and says that it is closed
 * while queries run. When nothing was running, its timer keeps the process alive for the grace all the same.
 */
export function shutdown(backend: Backend, { graceMs }: ShutdownInput): Service {
  const running = new Set<Promise<Availability>>()
  let closed = false

  async function answer(sku: Sku): Promise<Availability> {
    if (closed) throw new ClosedError()
    const answering = combine(backend, sku)
    running.add(answering)
    try {
      return await answering
    } finally {
      running.delete(answering)
    }
  }

  async function close(): Promise<void> {
    closed = true
    await Promise.race([Promise.allSettled(running), sleep(graceMs)])
  }
  return { answer, close }
}
