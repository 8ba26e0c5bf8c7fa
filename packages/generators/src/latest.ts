import type { Availability, Sku } from '@overlap/workload'
import type { Backend } from './backend.ts'
import { combine } from './combine.ts'
import { type Operation, type Queue, raceFirst, suspend } from './operation.ts'

/**
 * Answers the newest sku: a new one cancels the one before.
 *
 * Emits each answer, and returns when the last sku has been answered and there is no more. Throws the
 * first error, of the input or of a call, after `raceFirst` has cancelled the call.
 */
export function* latest(
  backend: Backend,
  skus: Pick<Queue<Sku>, 'take'>,
  emit: (availability: Availability) => void,
): Operation<void> {
  let next = yield* skus.take()
  while (!next.done) {
    const newer = yield* raceFirst(answer(next.value), overtake())
    next = newer ?? (yield* skus.take())
  }

  function* answer(sku: Sku): Operation<undefined> {
    emit(yield* combine(backend, sku))
  }
  // The end of the input overtakes nobody.
  function* overtake(): Operation<IteratorResult<Sku, void>> {
    const newer = yield* skus.take()
    return newer.done ? yield* suspend<never>(() => () => {}) : newer
  }
}
