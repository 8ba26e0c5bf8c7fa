/** Turns what a socket reports into a `SocketError`. The sentence is ours; what the system said stays in `cause`. */
import { SocketError } from '@overlap/workload'

/** By its owner. */
export const CLOSED = 'the connection has been closed'

const sentences: ReadonlyMap<string, string> = new Map([
  ['ECONNRESET', 'the client has reset the connection'],
  ['EPIPE', 'the client has closed the connection'],
  ['ECANCELED', CLOSED],
  ['ERR_STREAM_DESTROYED', CLOSED],
  ['ERR_STREAM_WRITE_AFTER_END', 'the output of the connection has been ended'],
  ['ETIMEDOUT', 'the client has not been heard of in time'],
])

export function toSocketError(cause: Error): SocketError {
  if (cause instanceof SocketError) return cause
  const code = 'code' in cause && typeof cause.code === 'string' ? cause.code : undefined
  const sentence = code === undefined ? undefined : sentences.get(code)
  return new SocketError(sentence ?? 'the connection has failed', { code, cause })
}
