import type { Availability, Cancel, Done, Sku, Source } from '@overlap/workload'
import type { Backend } from './backend.ts'
import { combine } from './combine.ts'

/**
 * Answers the newest sku: a new one cancels the one before.
 *
 * Calls `emit` with each answer, and `done` when the last sku has been answered and there is no more.
 * Calls `done` with the first error, of the input or of a call, after it has cancelled the other.
 */
export function latest(
  backend: Backend,
  skus: Source<Sku>,
  emit: (availability: Availability) => void,
  done: Done<void>,
): Cancel {
  /** Absent while there is nothing to answer. */
  let cancelCombine: Cancel | undefined
  let inputEnded = false
  let cancelled = false

  const cancelInput = skus(answer, (error) => {
    if (error) return fail(error)
    inputEnded = true
    if (!cancelCombine) done(null)
  })

  function answer(sku: Sku) {
    cancelCombine?.()
    cancelCombine = combine(backend, sku, (error, availability) => {
      cancelCombine = undefined
      if (error) return fail(error)
      const isLast = inputEnded
      if (availability) emit(availability)
      // `emit` may have cancelled, or have ended the input, which is told there.
      if (isLast && !cancelled) done(null)
    })
  }
  function fail(error: Error) {
    cancel()
    done(error)
  }
  function cancel() {
    cancelled = true
    cancelInput()
    cancelCombine?.()
  }
  return cancel
}
