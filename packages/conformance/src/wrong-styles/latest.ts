import { type Availability, type Port, type Sku, type Source, toAsyncIterable } from '@overlap/workload'
import { combine } from './combine.ts'
import { wrong } from './fault.ts'

/** What can be wrong. */
interface Faults {
  readonly cancelsOvertaken?: boolean
  /** Also answers those which it has not cancelled. */
  readonly answersOvertaken?: boolean
  /** Answers one after the other. */
  readonly queues?: boolean
  readonly waitsForLast?: boolean
  readonly endsAtOnce?: boolean
  /** Ends with the input's error only when nothing runs. */
  readonly finishesBeforeError?: boolean
  readonly cancelsInput?: boolean
  /** Does not look whether it has been left meanwhile. */
  readonly answersLater?: boolean
  readonly unread?: 'all' | 'newest'
}

const latestWith =
  ({
    cancelsOvertaken = true,
    answersOvertaken = false,
    queues = false,
    waitsForLast = true,
    endsAtOnce = true,
    finishesBeforeError = false,
    cancelsInput = true,
    answersLater = false,
    unread = 'newest',
  }: Faults) =>
  (port: Port, skus: Source<Sku>, signal: AbortSignal): AsyncIterable<Availability> =>
    toAsyncIterable(
      (emit, done) => {
        const all = new AbortController()
        const queued: Sku[] = []
        let current: AbortController | undefined
        let input: { readonly error: Error | null } | undefined
        let ended = false

        function end(error: unknown) {
          if (ended) return
          cancel()
          done(error as Error | null)
        }
        async function answer(sku: Sku): Promise<void> {
          if (queues && current) {
            queued.push(sku)
            return
          }
          if (cancelsOvertaken) current?.abort()
          const own = new AbortController()
          current = own
          try {
            const value = await combine(port, sku, AbortSignal.any([all.signal, own.signal]))
            if (ended || (current !== own && !answersOvertaken)) return
            if (answersLater) setImmediate(emit, value)
            else emit(value)
          } catch (error) {
            if (!own.signal.aborted) end(error)
          }
          if (current === own) current = undefined
          const next = queued.shift()
          if (next !== undefined) void answer(next)
          else if (input && !current && endsAtOnce) end(input.error)
        }
        const cancelInput = skus(
          (sku) => void answer(sku),
          (error) => {
            input = { error }
            if (error ? !finishesBeforeError || !current : endsAtOnce && (!current || !waitsForLast))
              end(error)
          },
        )
        function cancel() {
          ended = true
          if (cancelsInput) cancelInput()
          all.abort()
        }
        return { request() {}, cancel }
      },
      signal,
      unread,
    )

export const latest = latestWith({})

export const wrongLatests = [
  wrong('lets an overtaken sku run on', ['equal work', 'switch', 'any schedule'], {
    latest: latestWith({ cancelsOvertaken: false }),
  }),
  wrong('answers an overtaken sku', ['switch', 'overtaken', 'any schedule'], {
    latest: latestWith({ cancelsOvertaken: false, answersOvertaken: true }),
  }),
  wrong('answers every sku in its turn', ['equal work', 'switch', 'any schedule'], {
    latest: latestWith({ queues: true }),
  }),
  wrong('ends with its input', ['equal work', 'last', 'end waits', 'any schedule'], {
    latest: latestWith({ waitsForLast: false }),
  }),
  wrong('does not end with its input', ['result', 'end at once'], {
    latest: latestWith({ endsAtOnce: false }),
  }),
  wrong('waits for the answer before it fails with its input', ['input error', 'any schedule'], {
    latest: latestWith({ finishesBeforeError: true }),
  }),
  wrong('does not cancel its input', ['abort', 'call error', 'leaving', 'any schedule'], {
    latest: latestWith({ cancelsInput: false }),
  }),
  wrong('answers also who has left', ['leaving when it answers'], {
    latest: latestWith({ answersLater: true }),
  }),
  wrong('keeps every unread answer', ['newest', 'any schedule'], { latest: latestWith({ unread: 'all' }) }),
  wrong('listens to its input before it is pulled', ['lazy'], {
    latest: (port, skus, signal) => {
      const early: Sku[] = []
      let hear: Parameters<typeof skus>[0] = (sku) => early.push(sku)
      let tell: Parameters<typeof skus>[1] = () => {}
      const cancel = skus(
        (sku) => hear(sku),
        (error) => tell(error),
      )
      const kept: typeof skus = (next, done) => {
        tell = done
        const immediate = setImmediate(() => {
          for (const sku of early) next(sku)
          hear = next
        })
        return () => {
          clearImmediate(immediate)
          cancel()
        }
      }
      return latest(port, kept, signal)
    },
  }),
]
