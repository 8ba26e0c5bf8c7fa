/** The pure half of `retry`: what is tried again, and how long to wait before. */
import { errorKinds, kindOf } from './error-kinds.ts'
import type { RetryInput } from './inputs.ts'

/**
 * Whether the same call may succeed when it is made again: what is behind was busy, out of reach or late.
 * Whatever it has refused, it will refuse again. Only for calls that change nothing.
 *
 * Source: RFC 9110, section 9.2.2 (https://www.rfc-editor.org/rfc/rfc9110#section-9.2.2)
 */
export function isRetriable(error: unknown): boolean {
  return errorKinds[kindOf(error)].retriable
}

/**
 * How long to wait before the `retry`th retry (1, 2, …), in whole ms: uniform from 0 to
 * `min(capMs, baseMs · 2^(retry − 1))`, so that clients that failed together do not come back together.
 *
 * Source: "full jitter" in Marc Brooker, Exponential Backoff and Jitter
 * (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/)
 */
export function backoffMs(
  retry: number,
  { baseMs, capMs, random = Math.random }: Pick<RetryInput, 'baseMs' | 'capMs' | 'random'>,
): number {
  // 31 doublings are past every cap. Without a bound the factor becomes infinite, and 0 times that is NaN.
  const mostMs = Math.min(capMs, baseMs * 2 ** Math.min(retry - 1, 31))
  return Math.floor(random() * (mostMs + 1))
}
