/**
 * Random trees of operations that wait beside each other, and that answer and cancel one another from inside: while they
 * run, and while they are cleaned up. Whatever comes, the order in which they end is that of the tree.
 */
import type { Done } from '@overlap/workload'
import { expect, test, vi } from 'vitest'
import { type Operation, all, any, raceFirst, run, suspend } from '../src/operation.ts'

const TREES = 3_000
const DEPTH = 3

const together = [all, any, raceFirst] as readonly ((
  ...operations: Operation<void>[]
) => Operation<unknown>)[]

test(`in ${TREES} random trees, nothing outlives its parent, and everything ends`, async () => {
  // What is thrown after cancel has nobody to go to.
  const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
  for (let seed = 1; seed <= TREES; seed++)
    expect({ seed, wrongs: await grow(seed) }).toEqual({ seed, wrongs: [] })
  expect(warned).toHaveBeenCalled()
  warned.mockRestore()
})

/** Grows a tree and takes it down. Resolves with what went wrong. */
async function grow(seed: number): Promise<readonly string[]> {
  const wrongs: string[] = []
  const random = randomFrom(seed)
  const chance = (share: number) => random() < share
  const pick = <A>(list: readonly A[]) => list[Math.floor(random() * list.length)]
  /** How to answer each wait that has begun and is neither answered nor stopped. */
  const waits = new Set<Done<void>>()
  let cancel: (() => void) | undefined
  let ended = 0
  let cancelled = false
  let open = 0

  const wait = () =>
    suspend<void>((resume) => {
      waits.add(resume)
      return () => void waits.delete(resume)
    })
  function answerOne() {
    const resume = pick([...waits])
    if (!resume) return
    waits.delete(resume)
    resume(chance(0.3) ? new Error('a wait has failed') : null)
  }
  function cancelAll() {
    if (!cancel || ended > 0) return
    cancelled = true
    cancel()
  }
  /** Something to do from inside. */
  function act() {
    if (chance(0.25)) answerOne()
    else if (chance(0.03)) cancelAll()
  }

  function* grown(depth: number, parent?: { running: number }): Operation<void> {
    const own = { running: 0 }
    if (parent) parent.running++
    open++
    try {
      for (let steps = 1 + Math.floor(random() * 2); steps > 0; steps--) {
        const combine = depth > 0 && chance(0.6) ? pick(together) : undefined
        const count = 1 + Math.floor(random() * 3)
        if (combine) yield* combine(...Array.from({ length: count }, () => grown(depth - 1, own)))
        else yield* wait()
        act()
        if (chance(0.05)) throw new Error('an operation has failed')
      }
    } finally {
      if (own.running > 0) wrongs.push('an operation is cleaned up before one that runs in it')
      act()
      if (parent) parent.running--
      open--
    }
  }

  cancel = run(grown(DEPTH), () => {
    if (ended++ > 0) wrongs.push('done is called twice')
    if (cancelled) wrongs.push('done is called after cancel')
    if (open > 0 || waits.size > 0) wrongs.push(`${open} run and ${waits.size} wait when done is called`)
  })
  for (let turns = 0; turns < 200 && waits.size > 0; turns++) {
    if (chance(0.03)) cancelAll()
    else answerOne()
  }
  await Promise.resolve()
  if (open > 0 || waits.size > 0) wrongs.push(`${open} run and ${waits.size} wait in the end`)
  if (ended === 0 && !cancelled) wrongs.push('done is never called')
  return wrongs
}

/** Numbers from 0 up to 1, the same for the same seed. Source: https://en.wikipedia.org/wiki/Lehmer_random_number_generator */
function randomFrom(seed: number): () => number {
  let state = (seed * 48_271) % 2_147_483_647
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647
}
