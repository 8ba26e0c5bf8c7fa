import {
  HttpError,
  type Port,
  type Reservation,
  type RetryInput,
  TIMER_LIMIT_MS,
  backoffMs,
  checkRetry,
  isRetriable,
} from '@overlap/workload'
import { call, never, sleep, wrong } from './fault.ts'

/** What a style decides about its attempts. */
interface Policy {
  check(input: RetryInput): void
  attempts(input: RetryInput): number
  triesAgain(error: unknown): boolean
  /** Whether its caller has left. */
  isOver(signal: AbortSignal): boolean
  waitMs(failures: number, input: RetryInput): number
  wait(ms: number, signal: AbortSignal): Promise<void>
  /** What it fails with; `errors` are never empty. */
  failure(errors: readonly unknown[]): unknown
}

const sound: Policy = {
  check: checkRetry,
  attempts: ({ attempts }) => attempts,
  triesAgain: isRetriable,
  isOver: ({ aborted }) => aborted,
  waitMs: backoffMs,
  wait: sleep,
  failure: (errors) => errors.at(-1),
}

const by =
  (faults: Partial<Policy>) =>
  async (port: Port, input: RetryInput, signal: AbortSignal): Promise<Reservation> => {
    const policy = { ...sound, ...faults }
    policy.check(input)
    const errors: unknown[] = []
    for (;;) {
      try {
        return await call(port.fetchReservation, input.sku, signal)
      } catch (error) {
        errors.push(error)
        if (policy.isOver(signal)) throw signal.reason
        if (errors.length === policy.attempts(input) || !policy.triesAgain(error))
          throw policy.failure(errors)
        await policy.wait(policy.waitMs(errors.length, input), signal)
      }
    }
  }

export const retry = by({})

const boundMs = (failures: number, { baseMs, capMs }: RetryInput) =>
  Math.min(capMs, baseMs * 2 ** (failures - 1))

export const wrongRetries = [
  wrong('tries everything again', ['only what passes'], { retry: by({ triesAgain: () => true }) }),
  wrong('tries nothing again', ['only what passes', 'equal work'], {
    retry: by({ triesAgain: () => false }),
  }),
  wrong('tries an error of the server itself again', ['only what passes'], {
    retry: by({
      triesAgain: (error) => isRetriable(error) || (error instanceof HttpError && error.status === 500),
    }),
  }),
  wrong('takes a lost connection for the end', ['only what passes'], {
    retry: by({
      triesAgain: (error) => isRetriable(error) && error instanceof HttpError && error.status !== undefined,
    }),
  }),
  wrong('takes attempts for retries', ['attempts', 'last error', 'any schedule'], {
    retry: by({ attempts: ({ attempts }) => attempts + 1 }),
  }),
  wrong('makes an attempt too few', ['attempts', 'equal work'], {
    retry: by({ attempts: ({ attempts }) => Math.max(1, attempts - 1) }),
  }),
  wrong('waits without chance', ['backoff'], { retry: by({ waitMs: boundMs }) }),
  wrong('waits as long before each attempt', ['backoff'], {
    retry: by({ waitMs: (_, input) => backoffMs(1, input) }),
  }),
  wrong('doubles its wait too early', ['backoff'], {
    retry: by({ waitMs: (failures, input) => backoffMs(failures + 1, input) }),
  }),
  wrong('knows no longest wait', ['backoff'], {
    retry: by({ waitMs: (failures, input) => backoffMs(failures, { ...input, capMs: Infinity }) }),
  }),
  wrong('spreads only half of its wait', ['backoff'], {
    retry: by({
      waitMs: (failures, input) => Math.floor((boundMs(failures, input) + backoffMs(failures, input)) / 2),
    }),
  }),
  wrong('tries again one ms early', ['backoff', 'equal work'], {
    retry: by({ wait: (ms, signal) => sleep(ms - 1, signal) }),
  }),
  wrong('draws once for all its waits', ['one draw'], {
    retry: (port, input, signal) => {
      const drawn = input.random?.() ?? Math.random()
      return retry(port, { ...input, random: () => drawn }, signal)
    },
  }),
  wrong('draws before it knows whether it waits', ['one draw'], {
    retry: (port, { random = Math.random, ...input }, signal) => {
      let drawn = 0
      const early = by({
        attempts: ({ attempts }) => {
          drawn = random()
          return attempts
        },
      })
      return early(port, { ...input, random: () => drawn }, signal)
    },
  }),
  wrong('takes no wait for the longest', ['no wait'], {
    retry: by({ waitMs: (failures, input) => backoffMs(failures, input) || boundMs(failures, input) }),
  }),
  wrong('takes a long wait for none', ['longest wait'], {
    // A signed 32-bit integer overflows: Node fires after 1 ms.
    retry: by({ wait: (ms, signal) => sleep(ms === TIMER_LIMIT_MS ? 1 : ms, signal) }),
  }),
  wrong('wraps its last error', ['last error', 'first error'], {
    retry: by({ failure: (errors) => new Error(`${errors.length} attempts`, { cause: errors.at(-1) }) }),
  }),
  wrong('fails with its first error', ['last error'], { retry: by({ failure: ([first]) => first }) }),
  wrong('collects its errors', ['last error', 'first error'], {
    retry: by({ failure: (errors) => new AggregateError(errors) }),
  }),
  wrong('waits after its last attempt', ['last error'], {
    retry: (port, input, signal) =>
      retry(port, input, signal).catch(async (error: unknown) => {
        await sleep(signal.aborted ? 0 : 10, signal)
        throw error
      }),
  }),
  wrong('sleeps out its wait on an abort', ['abort ends the wait', 'at every step', 'any schedule'], {
    retry: by({
      async wait(ms, signal) {
        await sleep(ms, never)
        signal.throwIfAborted()
      },
    }),
  }),
  wrong('leaves its timer on an abort', ['at every step'], {
    retry: by({
      wait(ms, signal) {
        sleep(ms, never).catch(() => {})
        return sleep(ms, signal)
      },
    }),
  }),
  wrong('tries again what the caller has aborted with', ['abort ends the wait'], {
    retry: by({ isOver: () => false, wait: (ms, signal) => sleep(ms, signal.aborted ? never : signal) }),
  }),
  wrong('takes any number of attempts', ['wrong input'], { retry: by({ check: () => {} }) }),
]
