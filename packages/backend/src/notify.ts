/** Sends a message to whoever listens to a channel, here or in any other process on the same database. */
import { checkChannel, type Channel } from '@overlap/workload'
import { askDatabase } from './ask-database.ts'
import type { Lender } from './lender.ts'

/** Postgres keeps 8,000 bytes for it, one of which ends it. */
const TEXT_LIMIT_BYTES = 7_999

/** Resolves once it is certain to be delivered. Rejects with a `RangeError` or a `DatabaseError`. */
export async function notify(lender: Lender, channel: Channel, text: string): Promise<void> {
  checkChannel(channel)
  const bytes = Buffer.byteLength(text)
  if (bytes > TEXT_LIMIT_BYTES)
    throw new RangeError(`text: expected at most ${TEXT_LIMIT_BYTES} bytes, got ${bytes}`)
  if (text.includes('\0')) throw new RangeError('text: expected no NUL, got one')
  await askDatabase(lender, 'SELECT pg_notify($1, $2)', [channel, text])
}
