/**
 * Turns what undici and the sockets below it report into an `HttpError`.
 *
 * The sentence is ours and names neither a host nor a path; what the client said stays in `cause`.
 */
import { HttpError } from '@overlap/workload'

const sentences: ReadonlyMap<string, string> = new Map([
  ['ECONNREFUSED', 'the reservation service refused the connection'],
  ['ECONNRESET', 'the connection to the reservation service was lost'],
  ['EPIPE', 'the connection to the reservation service was lost'],
  ['UND_ERR_SOCKET', 'the connection to the reservation service was lost'],
  ['ENOTFOUND', 'the host of the reservation service was not found'],
  ['EAI_AGAIN', 'the host of the reservation service was not found'],
  ['ETIMEDOUT', 'the reservation service did not answer in time'],
])

/** `status`: that of the answer which was being read, `undefined` if there was none yet. */
export function toHttpError(cause: unknown, status: number | undefined): HttpError {
  const code = codeOf(cause, status)
  const sentence = code === undefined ? undefined : sentences.get(code)
  return new HttpError(sentence ?? 'the call of the reservation service failed', { status, code, cause })
}

/**
 * An answer that is cut off is one whose length is wrong to undici, where the connection was not to be kept, and a lost
 * connection elsewhere. It is the latter: a length that is wrong in itself is refused with the head.
 */
function codeOf(cause: unknown, status: number | undefined): string | undefined {
  if (!(cause instanceof Error && 'code' in cause && typeof cause.code === 'string')) return undefined
  const cutOff = status !== undefined && cause.code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH'
  return cutOff ? 'UND_ERR_SOCKET' : cause.code
}

/** `status`: that of the answer which was being read, `undefined` if there was none yet. */
export function toLateError(status: number | undefined): HttpError {
  return new HttpError('the reservation service did not answer in time', { status, code: 'ETIMEDOUT' })
}

/** That the service answered, but with another status than was asked for. */
export function toStatusError(status: number): HttpError {
  return new HttpError(`the reservation service answered with status ${status}`, { status })
}
