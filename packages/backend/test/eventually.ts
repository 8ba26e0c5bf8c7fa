/**
 * Polls until something holds, and tells how many ms that took; fails after 10 s. Only for what another
 * process does: what we do ourselves is known by its events.
 */
import { setTimeout as sleep } from 'node:timers/promises'

const GIVE_UP_MS = 10_000

/**
 * The law: what was cancelled is gone within 100 ms. The machine that tests it is shared, and looking
 * takes time too, so the tests allow three times that; on a quiet machine it is about 5 ms.
 */
export const GONE_MS = 100 * 3

export async function eventually(claim: string, holds: () => boolean | Promise<boolean>): Promise<number> {
  const start = performance.now()
  while (!(await holds())) {
    if (performance.now() - start > GIVE_UP_MS) throw new Error(`it never came to this: ${claim}`)
    await sleep(1)
  }
  return performance.now() - start
}
