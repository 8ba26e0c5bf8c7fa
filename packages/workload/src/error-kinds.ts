/**
 * What kind of error it is: the one thing that decides whether a call is made again (`isRetriable`), and
 * which status a client is told over HTTP.
 *
 * An abort is no kind. Its reason may be any value, also an error of one of these kinds, so only who has
 * aborted can tell.
 */

/** `retriable`: the same call may succeed when it is made again. `status`: of the answer to whoever asked for it. */
export const errorKinds = {
  mistake: { means: 'what was asked for is not there', retriable: false, status: 400 },
  refusal: { means: 'as things stand, the answer is no', retriable: false, status: 409 },
  transient: { means: 'what is behind is busy, or was lost on the way', retriable: true, status: 502 },
  late: { means: 'what is behind has not answered in time', retriable: true, status: 504 },
  permanent: { means: 'what is behind has failed, and would again', retriable: false, status: 502 },
  deadline: { means: 'the time that the caller gave is over', retriable: false, status: 504 },
  overload: { means: 'more have come than there is room for', retriable: false, status: 503 },
  closed: { means: 'it does not take anything any more', retriable: false, status: 503 },
  defect: { means: 'none of these: something here is broken', retriable: false, status: 500 },
} as const satisfies Readonly<
  Record<string, { readonly means: string; readonly retriable: boolean; readonly status: number }>
>

export type ErrorKind = keyof typeof errorKinds

/** An error that says itself of which kind it is. Any other is a defect. */
export abstract class KnownError extends Error {
  abstract readonly kind: ErrorKind
}

/** Of several errors, the first says why. */
export function kindOf(error: unknown): ErrorKind {
  if (error instanceof KnownError) return error.kind
  return error instanceof AggregateError ? kindOf(error.errors[0]) : 'defect'
}

/**
 * By the code of a system or client error, by SQLSTATE, or by its class (its first two characters).
 * Whatever is not here would fail again.
 *
 * Source: https://www.postgresql.org/docs/18/errcodes-appendix.html
 */
export const kindsByCode: ReadonlyMap<string, ErrorKind> = new Map([
  // The connection could not be made, or has broken.
  ['08', 'transient'],
  // Two transactions were in each other's way: serialization failure, deadlock.
  ['40001', 'transient'],
  ['40P01', 'transient'],
  // No connection left; shut down, crashed, starting up, an idle connection closed.
  ['53300', 'transient'],
  ['57P01', 'transient'],
  ['57P02', 'transient'],
  ['57P03', 'transient'],
  ['57P05', 'transient'],
  ['ECONNREFUSED', 'transient'],
  ['ECONNRESET', 'transient'],
  ['EPIPE', 'transient'],
  ['EHOSTUNREACH', 'transient'],
  ['ENETUNREACH', 'transient'],
  ['EAI_AGAIN', 'transient'],
  ['UND_ERR_SOCKET', 'transient'],
  ['ETIMEDOUT', 'late'],
  ['UND_ERR_CONNECT_TIMEOUT', 'late'],
  ['UND_ERR_HEADERS_TIMEOUT', 'late'],
  ['UND_ERR_BODY_TIMEOUT', 'late'],
])

/**
 * By the status of an answer. Whatever is not here would be the same again.
 *
 * Source: RFC 9110, section 15 (https://www.rfc-editor.org/rfc/rfc9110#section-15), and RFC 6585 for 429
 */
export const kindsByStatus: ReadonlyMap<number, ErrorKind> = new Map([
  [429, 'transient'],
  [502, 'transient'],
  [503, 'transient'],
  [504, 'late'],
])

export function kindOfCode(code: string | undefined): ErrorKind {
  if (code === undefined) return 'permanent'
  return kindsByCode.get(code) ?? kindsByCode.get(code.slice(0, 2)) ?? 'permanent'
}

export function kindOfStatus(status: number): ErrorKind {
  return kindsByStatus.get(status) ?? 'permanent'
}
