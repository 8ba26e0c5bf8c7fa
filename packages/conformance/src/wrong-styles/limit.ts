import { type Availability, type LimitInput, type Port, type Sku, checkLimit } from '@overlap/workload'
import { combine } from './combine.ts'
import { never, scoped, wrong } from './fault.ts'

type Limit = (port: Port, input: LimitInput, signal: AbortSignal) => Promise<readonly Availability[]>

/** With the input checked, and a signal that aborts once it is over. */
const checked =
  (body: Limit): Limit =>
  (port, input, signal) =>
    scoped(signal, async (all) => {
      checkLimit(input)
      signal.throwIfAborted()
      return body(port, input, all)
    })

export const limit = checked((port, input, all) =>
  inPlaces(input.skus, input.limit, (sku) => combine(port, sku, all)),
)

/** Each place takes the next one that waits, when it has done one, until one of them fails. */
export async function inPlaces<I, A>(
  all: readonly I[],
  places: number,
  f: (one: I) => Promise<A>,
): Promise<A[]> {
  const waiting = all.entries()
  const answers: A[] = []
  let failed = false
  const fail = (error: unknown) => {
    failed = true
    throw error
  }
  const fill = async () => {
    for (const [index, one] of waiting) {
      answers[index] = await f(one).catch(fail)
      if (failed) return
    }
  }
  await Promise.all(Array.from({ length: Math.min(places, all.length) }, fill))
  return answers
}

const rest = async () => {
  for (let turn = 0; turn < 9; turn++) await new Promise(setImmediate)
}

export const wrongLimits = [
  wrong('lets one more in', ['at most', 'equal work', 'any schedule'], {
    limit: checked((port, { skus, limit: places }, signal) =>
      limit(port, { skus, limit: Math.min(places, skus.length) + 1 }, signal),
    ),
  }),
  wrong('lets one fewer in', ['never fewer', 'any schedule'], {
    limit: checked((port, { skus, limit: places }, signal) =>
      limit(port, { skus, limit: Math.max(1, places - 1) }, signal),
    ),
  }),
  wrong('looks for a place before it takes it', ['at most', 'equal work'], {
    limit: checked(async (port, { skus, limit: places }, all) => {
      let running = 0
      let freed = Promise.withResolvers<void>()
      const isFull = () => running >= places
      const one = async (sku: Sku) => {
        while (isFull()) await freed.promise
        // Meanwhile another one has seen the same place.
        await Promise.resolve()
        running++
        const availability = await combine(port, sku, all)
        running--
        freed.resolve()
        freed = Promise.withResolvers()
        return availability
      }
      return Promise.all(skus.map(one))
    }),
  }),
  wrong('wakes everybody for one place', ['at most'], {
    limit: checked(async (port, { skus, limit: places }, all) => {
      let running = 0
      let freed = Promise.withResolvers<void>()
      const one = async (sku: Sku) => {
        if (running >= places) await freed.promise
        running++
        const availability = await combine(port, sku, all)
        running--
        freed.resolve()
        freed = Promise.withResolvers()
        return availability
      }
      return Promise.all(skus.map(one))
    }),
  }),
  wrong('frees a place twice', ['at most'], {
    limit: checked(async (port, { skus, limit: places }, all) => {
      const waiting = skus.entries()
      const answers: Availability[] = []
      const next = async (): Promise<void> => {
        const { done, value } = waiting.next()
        if (done) return
        const [index, sku] = value
        answers[index] = await combine(port, sku, all)
        await Promise.all([next(), next()])
      }
      await Promise.all(Array.from({ length: Math.min(places, skus.length) }, next))
      return answers
    }),
  }),
  wrong('works in batches', ['never fewer', 'any schedule'], {
    limit: checked(async (port, { skus, limit: places }, all) => {
      const answers: Availability[] = []
      for (let from = 0; from < skus.length; from += places) {
        const batch = skus.slice(from, from + places).map((sku) => combine(port, sku, all))
        answers.push(...(await Promise.all(batch)))
      }
      return answers
    }),
  }),
  wrong('rests before it starts the next', ['never fewer'], {
    limit: checked((port, input, all) =>
      inPlaces(input.skus, input.limit, async (sku) => {
        const availability = await combine(port, sku, all)
        await rest()
        return availability
      }),
    ),
  }),
  wrong('starts the last one first', ['first come', 'any schedule'], {
    limit: checked(async (port, { skus, limit: places }, signal) => {
      const answers = await limit(port, { skus: skus.toReversed(), limit: places }, signal)
      return answers.toReversed()
    }),
  }),
  wrong('fills a place with the last that waits', ['first come'], {
    limit: checked(async (port, { skus, limit: places }, all) => {
      const waiting = [...skus.entries()]
      const answers: Availability[] = []
      const fill = async (first: (typeof waiting)[number]) => {
        for (let next: typeof first | undefined = first; next; next = waiting.pop()) {
          answers[next[0]] = await combine(port, next[1], all)
        }
      }
      await Promise.all(waiting.splice(0, places).map(fill))
      return answers
    }),
  }),
  wrong('answers in the order of arrival', ['order', 'any schedule'], {
    limit: checked(async (port, input, all) => {
      const answers: Availability[] = []
      await inPlaces(input.skus, input.limit, async (sku) => answers.push(await combine(port, sku, all)))
      return answers
    }),
  }),
  wrong('combines equal skus once', ['equal skus', 'any schedule'], {
    limit: checked(async (port, { skus, limit: places }, signal) => {
      const different = [...new Set(skus)]
      const answers = await limit(port, { skus: different, limit: places }, signal)
      return skus.flatMap((sku) => answers[different.indexOf(sku)] ?? [])
    }),
  }),
  wrong('fills the place of one that has failed', ['error starts nothing', 'equal work'], {
    limit: checked((port, input, all) => {
      const { promise, reject } = Promise.withResolvers<never>()
      return Promise.race([
        inPlaces(input.skus, input.limit, (sku) => combine(port, sku, all).catch(reject)),
        promise,
      ]).then((answers) => answers.filter((answer) => answer !== undefined))
    }),
  }),
  wrong('cancels nothing but those in flight on an abort', ['abort starts nothing', 'at every step'], {
    limit: (port, input, signal) => {
      if (signal.aborted) return limit(port, input, signal)
      checkLimit(input)
      const { promise, reject } = Promise.withResolvers<never>()
      const one = (sku: Sku) => combine(port, sku, signal.aborted ? never : signal).catch(reject)
      return Promise.race([inPlaces(input.skus, input.limit, one), promise]).then((answers) =>
        answers.filter((answer) => answer !== undefined),
      )
    },
  }),
  wrong('never ends without a sku', ['no sku', 'any schedule'], {
    limit: checked((port, input, signal) =>
      input.skus.length === 0 ? Promise.withResolvers<never>().promise : limit(port, input, signal),
    ),
  }),
  wrong('leaves it to the calls to look at the signal', ['no sku'], {
    limit: (port, input, signal) =>
      scoped(signal, async (all) => {
        checkLimit(input)
        return inPlaces(input.skus, input.limit, (sku) => combine(port, sku, all))
      }),
  }),
  wrong('takes any number for a limit', ['wrong input'], {
    limit: (port, input, signal) =>
      scoped(signal, (all) => inPlaces(input.skus, input.limit, (sku) => combine(port, sku, all))),
  }),
]
