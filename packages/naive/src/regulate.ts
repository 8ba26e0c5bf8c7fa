import type { RegulateInput, Regulated } from '@overlap/workload'
import { OverloadedError } from '@overlap/workload'

/** All of one key. */
interface Lane {
  running: number
  readonly waiting: { readonly urgency: number; readonly start: () => void }[]
}

export interface Regulator {
  readonly through: <A>(request: Regulated, work: () => Promise<A>) => Promise<A>
  readonly keys: () => number
}

/**
 * Lets requests through by key: so many at once, so many per second, the urgent first.
 *
 * What it leaves behind: every key, for ever. Who leaves stays in the line and is let through, for nobody. Who comes
 * between the end of one and the start of the next takes a place too many, the urgent let the others starve,
 * and the rate is that of one place, so with two of them it is twice as high.
 */
export function regulate({ limit, perSecond, queue }: Omit<RegulateInput, 'agingMs'>): Regulator {
  const lanes = new Map<string, Lane>()

  const through: Regulator['through'] = async ({ key, urgency }, work) => {
    const lane = lanes.get(key) ?? { running: 0, waiting: [] }
    lanes.set(key, lane)
    if (lane.running >= limit) {
      if (lane.waiting.length >= queue) throw new OverloadedError(key)
      await new Promise<void>((start) => {
        lane.waiting.push({ urgency, start })
        lane.waiting.sort((one, other) => one.urgency - other.urgency)
      })
    }
    lane.running++
    try {
      return await work()
    } finally {
      if (perSecond === undefined) free(lane)
      else setTimeout(free, 1_000 / perSecond, lane)
    }
  }

  function free(lane: Lane) {
    lane.running--
    lane.waiting.shift()?.start()
  }
  return { through, keys: () => lanes.size }
}
