import {
  type Availability,
  type Port,
  type StreamInput,
  checkLimit,
  toAsyncIterable,
} from '@overlap/workload'
import { combine } from './combine.ts'
import { wrong } from './fault.ts'

/** What can be wrong. */
interface Faults {
  /** Skus that are started although no place is free. */
  readonly extra?: number
  readonly countsUnread?: boolean
  readonly checks?: boolean
  readonly inOrderOfSkus?: boolean
  readonly cancelsOnLeaving?: boolean
  readonly dropsUnread?: boolean
  readonly endsOfNothing?: boolean
  /** Gives what is unread first, and cancels the rest when it gives the error. */
  readonly errorLast?: boolean
  readonly oneByOne?: boolean
}

const streamWith =
  ({
    extra = 0,
    countsUnread = true,
    checks = true,
    inOrderOfSkus = false,
    cancelsOnLeaving = true,
    dropsUnread = false,
    endsOfNothing = true,
    errorLast = false,
    oneByOne = false,
  }: Faults) =>
  (port: Port, input: StreamInput, signal: AbortSignal): AsyncIterable<Availability> =>
    toAsyncIterable((emit, done) => {
      if (checks) checkLimit(input)
      const { skus, limit } = input
      const controller = new AbortController()
      let unread: { readonly index: number; readonly value: Availability }[] = []
      let [requested, started, handedOver, running] = [0, 0, 0, 0]
      let failure: { readonly error: unknown } | undefined
      let ended = false

      function end(error: unknown) {
        ended = true
        controller.abort()
        done(error as Error | null)
      }
      function startMore() {
        const most = oneByOne ? 1 : limit + extra
        while (started < skus.length && running + (countsUnread ? unread.length : 0) < most) {
          void startOne(started++)
        }
      }
      async function startOne(index: number) {
        running++
        try {
          const value = await combine(port, skus[index] ?? '', controller.signal)
          if (!dropsUnread || requested > 0) unread.push({ index, value })
          else handedOver++
        } catch (error) {
          failure ??= { error }
          if (!errorLast) unread = []
        }
        running--
        proceed()
      }
      function proceed() {
        if (ended) return
        while (requested > 0 && unread.length > 0) {
          const at = inOrderOfSkus ? unread.findIndex(({ index }) => index === handedOver) : 0
          const [next] = at === -1 ? [] : unread.splice(at, 1)
          if (!next) break
          handedOver++
          requested--
          emit(next.value)
        }
        if (failure && (!errorLast || requested > 0)) return end(failure.error)
        startMore()
        const something = skus.length > 0 || endsOfNothing
        if (something && running === 0 && unread.length === 0 && started === skus.length) end(null)
      }
      return {
        request() {
          requested++
          proceed()
        },
        cancel() {
          ended = true
          if (cancelsOnLeaving || signal.aborted) controller.abort()
        },
      }
    }, signal)

export const stream = streamWith({})

export const wrongStreams = [
  wrong('starts before it is pulled', ['lazy', 'any schedule'], {
    stream: (port, input, signal) => {
      const eager = stream(port, input, signal)[Symbol.asyncIterator]()
      const first = eager.next()
      first.catch(() => {})
      let pulled = false
      return {
        [Symbol.asyncIterator]: () => ({
          next: () => {
            const next = pulled ? eager.next() : first
            pulled = true
            return next
          },
          return: async () => (await eager.return?.()) ?? { done: true, value: undefined },
        }),
      }
    },
  }),
  wrong('counts only what is in flight', ['ahead', 'any schedule'], {
    stream: streamWith({ countsUnread: false }),
  }),
  wrong('starts one more than the limit', ['ahead', 'any schedule'], {
    stream: streamWith({ extra: 1 }),
  }),
  wrong('starts one sku after the other', ['equal work', 'ahead', 'any schedule'], {
    stream: streamWith({ oneByOne: true }),
  }),
  wrong('yields in the order of the skus', ['result', 'order', 'any schedule'], {
    stream: streamWith({ inOrderOfSkus: true }),
  }),
  wrong('leaves its calls running when its reader leaves', ['leaving', 'any schedule'], {
    stream: streamWith({ cancelsOnLeaving: false }),
  }),
  wrong('drops what nobody waits for', ['slow consumer', 'any schedule'], {
    stream: streamWith({ dropsUnread: true }),
  }),
  wrong('hands over what is unread before the error', ['error first', 'any schedule'], {
    stream: streamWith({ errorLast: true }),
  }),
  wrong('waits for ever for the first of no skus', ['no sku'], {
    stream: streamWith({ endsOfNothing: false }),
  }),
  wrong('streams whatever the limit is', ['wrong input'], { stream: streamWith({ checks: false }) }),
]
