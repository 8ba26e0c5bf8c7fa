import { vi } from 'vitest'

/** Tells what still listens of all that has begun to listen to a signal since. */
export function watch(signal: AbortSignal): () => unknown[] {
  const added = vi.spyOn(signal, 'addEventListener')
  const removed = vi.spyOn(signal, 'removeEventListener')
  return () => {
    const gone = removed.mock.calls
    return added.mock.calls.filter(
      ([type, listener]) => !gone.some(([other, one]) => other === type && one === listener),
    )
  }
}
