import type { Availability, Cancel, Done, LimitInput, PortError } from '@overlap/workload'
import { checkLimit } from '@overlap/workload'
import type { Backend } from './backend.ts'
import { combine } from './combine.ts'

/**
 * Combines every sku, at most `limit` at a time, and answers in the order of `skus`.
 *
 * Calls `done` with the first error, after it has cancelled the others. Those that wait start in the order
 * of `skus`, each in the place of one that is done.
 */
export function limit(
  backend: Backend,
  input: LimitInput,
  done: Done<readonly Availability[], PortError>,
): Cancel {
  checkLimit(input)
  const { skus } = input
  const waiting = skus.entries()
  const answers: Availability[] = []
  const cancels: Cancel[] = []
  let missing = skus.length

  if (missing === 0) return answerNothing(done)
  const places = Math.min(input.limit, skus.length)
  for (let place = 0; place < places; place++) fill(place)

  function fill(place: number) {
    const next = waiting.next()
    if (next.done) return
    const [index, sku] = next.value
    cancels[place] = combine(backend, sku, (error, availability) => {
      if (error) return fail(error)
      if (availability) answers[index] = availability
      if (--missing === 0) return done(null, answers)
      fill(place)
    })
  }
  function fail(error: PortError) {
    cancel()
    done(error)
  }
  function cancel() {
    for (const cancelPlace of cancels) cancelPlace()
  }
  return cancel
}

/** Not at once: the caller does not hold the `Cancel` yet. */
function answerNothing(done: Done<readonly Availability[], PortError>): Cancel {
  const immediate = setImmediate(done, null, [])
  return () => clearImmediate(immediate)
}
