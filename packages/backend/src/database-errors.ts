/**
 * Turns what `pg` and the sockets below it report into a `DatabaseError`.
 *
 * The sentence is ours and tells neither SQL, nor a path, nor a password: it may reach a stranger.
 * What the driver said stays in `cause`, for the operator's log.
 */
import { DatabaseError } from '@overlap/workload'

/** By SQLSTATE, by its class (its first two characters), or by the code of a system error. */
const sentences: ReadonlyMap<string, string> = new Map([
  ['57014', 'the query was cancelled from within the database'],
  ['57P01', 'the connection was closed by the database'],
  ['57P02', 'the database crashed'],
  ['57P03', 'the database is not ready for connections'],
  ['53300', 'the database has no connection left'],
  ['3D000', 'the database does not exist'],
  ['3F000', 'the schema of the stock table does not exist'],
  ['42P01', 'the stock table does not exist'],
  ['22012', 'the database divided by zero, as it was asked to'],
  ['08', 'the connection to the database failed'],
  ['22', 'the database could not read the value that was sent'],
  ['28', 'the database rejected the credentials'],
  ['42', 'the database rejected the query'],
  ['53', 'the database is out of resources'],
  ['ECONNREFUSED', 'the database refused the connection'],
  ['ECONNRESET', 'the connection to the database was lost'],
  ['EPIPE', 'the connection to the database was lost'],
  ['ENOENT', 'the database was not found'],
  ['ENOTFOUND', 'the host of the database was not found'],
  ['EAI_AGAIN', 'the host of the database was not found'],
  ['ETIMEDOUT', 'the database did not answer in time'],
])

/** What `pg` refuses by itself, by its text, because it has no code. */
const refusals: ReadonlyMap<string, string> = new Map([
  [
    'SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string',
    'the database asks for a password, and there is none',
  ],
  ['The server does not support SSL connections', 'the database does not offer TLS'],
])

export function toDatabaseError(cause: unknown): DatabaseError {
  if (cause instanceof DatabaseError) return cause
  const code = codeOf(cause)
  const text = cause instanceof Error ? cause.message : ''
  const sentence =
    code === undefined
      ? (refusals.get(text) ?? 'the connection to the database was lost')
      : (sentences.get(code) ?? sentences.get(code.slice(0, 2)) ?? `the database failed with ${code}`)
  return new DatabaseError(sentence, { code, cause })
}

/** `pg` tells its own time-out, and a connection that ended, by their text alone. */
function codeOf(cause: unknown): string | undefined {
  if (!(cause instanceof Error)) return undefined
  if ('code' in cause && typeof cause.code === 'string') return cause.code
  if (cause.message === 'timeout expired' || cause.message === 'Query read timeout') return 'ETIMEDOUT'
  return cause.message.startsWith('Connection terminated') ? 'ECONNRESET' : undefined
}
