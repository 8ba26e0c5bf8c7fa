/** The pure half of `retry`: what is tried again, and how long to wait before. */
import { HttpError } from './errors.ts'
import type { RetryInput } from './inputs.ts'

const retriableStatuses: ReadonlySet<number> = new Set([429, 502, 503, 504])

const retriableCodes: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EAI_AGAIN',
  'UND_ERR_SOCKET',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
])

/**
 * Whether the same request may succeed when it is made again: the service was busy or out of reach.
 * Whatever it has refused, it will refuse again. Only for requests that change nothing.
 *
 * Source: RFC 9110, section 15 (https://www.rfc-editor.org/rfc/rfc9110#section-15)
 */
export function isRetriable(error: unknown): boolean {
  if (!(error instanceof HttpError)) return false
  const { status, code } = error
  if (status !== undefined) return retriableStatuses.has(status)
  return code !== undefined && retriableCodes.has(code)
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
