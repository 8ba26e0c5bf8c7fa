/**
 * Starts a `combine` with slow answers whenever it is told to, and aborts it when it is told to. It tells when it
 * did, and when the caller was told, on the clock that all processes of a machine share.
 *
 * `SUBJECT` is a style, the naive version, or what most people write.
 */
import { openPort } from '@overlap/backend'
import { callbacks } from '@overlap/callbacks'
import { effect } from '@overlap/effect'
import { generators } from '@overlap/generators'
import { naive } from '@overlap/naive'
import { observables } from '@overlap/observables'
import { promises } from '@overlap/promises'
import { openPlain } from '../what-most-write.ts'
import { type Aborted, sharedNow } from './shared-clock.ts'

/** More than one, because the one that is being freed is lent to nobody. */
const POOL_MAX = 2

const { SUBJECT = '', ANSWER_MS = '', DATABASE_URL = '', UPSTREAM_URL = '' } = process.env
const combine = openSubject()
let caller = new AbortController()
let run: Promise<unknown> = Promise.resolve()

process.on('disconnect', () => process.exit())
process.on('message', (message) => {
  if (message === 'start') {
    caller = new AbortController()
    run = combine(caller.signal)
    // It is looked at when it has been aborted.
    run.catch(() => {})
  } else void abort()
})
process.send?.('ready')

async function abort(): Promise<void> {
  const abortedAt = sharedNow()
  caller.abort(new Error('the caller has left'))
  const [{ status }] = await Promise.allSettled([run])
  const told: Aborted = { abortedAt, toldAt: sharedNow(), failed: status === 'rejected' }
  process.send?.(told)
}

function openSubject(): (signal: AbortSignal) => Promise<unknown> {
  const delays = { dbMs: Number(ANSWER_MS), httpMs: Number(ANSWER_MS) }
  const style = [callbacks, promises, generators, observables, effect, naive].find(
    ({ name }) => name === SUBJECT,
  )
  if (!style) {
    const plain = openPlain(DATABASE_URL, UPSTREAM_URL, POOL_MAX)
    return (signal) => plain.combine(delays, signal)
  }
  const port = openPort({ databaseUrl: DATABASE_URL, upstreamUrls: [UPSTREAM_URL], poolMax: POOL_MAX })
  const slow = port.forRun(delays)
  return (signal) => style.combine(slow, 'A-42', signal)
}
