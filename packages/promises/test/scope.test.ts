import { expect, test } from 'vitest'
import { scope } from '../src/scope.ts'
import { watch } from './watch.ts'

test.for(['answers', 'fails', 'is aborted by one', 'is aborted by the other'])(
  'a scope that %s leaves no listener on either signal',
  async (end) => {
    const [one, other] = [new AbortController(), new AbortController()]
    const listeners = [one, other].map(({ signal }) => watch(signal))
    const { promise, resolve, reject } = Promise.withResolvers<number>()
    const scoped = scope(
      one.signal,
      (inner) => {
        inner.addEventListener('abort', () => reject(inner.reason))
        return promise
      },
      other.signal,
    )
    expect(listeners.flatMap((left) => left())).toHaveLength(2)
    const reason = new Error(end)
    if (end === 'answers') resolve(42)
    else if (end === 'fails') reject(reason)
    else if (end === 'is aborted by one') one.abort(reason)
    else other.abort(reason)
    const outcome = await scoped.catch((error: unknown) => error)
    expect(outcome).toBe(end === 'answers' ? 42 : reason)
    expect(listeners.flatMap((left) => left())).toEqual([])
  },
)
