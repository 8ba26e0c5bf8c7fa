import type { Availability, Cancel, Done, PortError, Sku, StreamInput, Subscription } from '@overlap/workload'
import { checkLimit } from '@overlap/workload'
import type { Backend } from './backend.ts'
import { combine } from './combine.ts'

/**
 * Yields each availability as it arrives, at most `limit` ahead of the consumer.
 *
 * Calls `emit` once for each `request`, in the order of completion, and then `done`. A product holds its
 * place until its availability has been emitted. Calls `done` with the first error, before what nobody
 * has requested yet, and after it has cancelled the rest.
 */
export function stream(
  backend: Backend,
  input: StreamInput,
  emit: (availability: Availability) => void,
  done: Done<void, PortError>,
): Subscription {
  checkLimit(input)
  const { skus, limit } = input
  const left = skus.values()
  const running = new Set<Cancel>()
  const unread: Availability[] = []
  let requested = 0
  let ended = false

  function request() {
    requested++
    proceed()
  }
  function proceed() {
    if (ended) return
    const availability = requested > 0 ? unread.shift() : undefined
    while (running.size + unread.length < limit) {
      const { value: sku } = left.next()
      if (sku === undefined) break
      start(sku)
    }
    if (availability) {
      requested--
      emit(availability)
    }
    // `emit` may have come back here, or have cancelled.
    if (!ended && running.size + unread.length === 0) end(null)
  }
  function start(sku: Sku) {
    const cancelCombine = combine(backend, sku, (error, availability) => {
      running.delete(cancelCombine)
      if (error) return end(error)
      if (availability) unread.push(availability)
      proceed()
    })
    running.add(cancelCombine)
  }
  function end(error: PortError | null) {
    cancel()
    done(error)
  }
  function cancel() {
    ended = true
    for (const cancelCombine of running) cancelCombine()
  }
  return { request, cancel }
}
