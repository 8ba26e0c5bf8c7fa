/** A call as a promise of how it ended, and the port's clauses checked on the way. */
import { toPromise, type Call } from '@overlap/workload'

const never = new AbortController().signal

export function ask<I, A, E extends Error>(call: Call<I, A, E>, input: I): Promise<A> {
  return toPromise<A>((done) => call(input, done), never)
}

/** The error that the call must fail with. */
export async function failure<I, A, E extends Error>(call: Call<I, A, E>, input: I): Promise<E> {
  return await new Promise((resolve, reject) => {
    call(input, (error, value) => {
      if (error) resolve(error)
      else reject(new Error(`it succeeded with ${JSON.stringify(value)}`))
    })
  })
}

/** Starts a call that must never be answered, because it will be cancelled. */
export function doomed<I, A, E extends Error>(call: Call<I, A, E>, input: I): () => void {
  return call(input, (error, value) => {
    throw new Error('it was answered after it was cancelled', { cause: error ?? value })
  })
}
