import type { Source } from '@overlap/workload'

/** A source that the test drives by hand. What nobody listens to any more, or yet, goes to nobody. */
export interface ScriptedSource<A> {
  readonly source: Source<A>
  /** Whether somebody listens: it has been started, and neither cancelled nor ended. */
  readonly isOpen: boolean
  push(value: A): void
  end(error?: Error): void
}

export function scriptedSource<A>(): ScriptedSource<A> {
  let listener:
    | { readonly next: Parameters<Source<A>>[0]; readonly done: Parameters<Source<A>>[1] }
    | undefined
  return {
    source(next, done) {
      const own = { next, done }
      listener = own
      return () => {
        if (listener === own) listener = undefined
      }
    },
    get isOpen() {
      return listener !== undefined
    },
    push: (value) => listener?.next(value),
    end(error) {
      const told = listener
      listener = undefined
      told?.done(error ?? null)
    },
  }
}
