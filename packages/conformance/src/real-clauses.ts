/** What holds on real Postgres and HTTP in every scenario: written once. */
import assert from 'node:assert/strict'
import type { Style } from '@overlap/workload'
import type { RealClause } from './clause.ts'
import type { Run } from './trial.ts'
import { slowMs, withPort } from './world.ts'

/** What `A-42` has to say at the beginning. */
export const availability = { sku: 'A-42', onHand: 42, reserved: 2, available: 40 }

/** What the reservation service has to say of it, and each of its replicas. */
export const reservation = { sku: 'A-42', reserved: 2 }

/** One run of a scenario in the real tier. */
export interface RealSubject<I, O> {
  readonly run: (style: Style) => Run<I, O>
  readonly input: I
  readonly output: O
  /** The queries and requests that run at the same time, once each waits for its answer. */
  readonly running: { readonly queries: number; readonly requests: number }
}

export function commonRealClauses<I, O>({
  run,
  input,
  output,
  running,
}: RealSubject<I, O>): readonly RealClause[] {
  const controls = { act: () => assert.fail('nobody acts here') }
  const abortWhileWaiting: RealClause = {
    title: 'an abort while it waits for a connection starts no query, and the next one gets it',
    check: (style, world) =>
      withPort(world, { poolMax: 1 }, async (seen) => {
        const [holder, waiter] = [new AbortController(), new AbortController()]
        const reason = new Error('the reader has left')
        const slow = seen.port.forRun({ dbMs: slowMs, httpMs: 0 })
        const holding = style.combine(slow, 'A-42', holder.signal)
        await seen.until('the only connection is lent', async () => (await seen.queries()) === 1)
        const waiting = Promise.resolve(run(style)(slow, input, waiter.signal, controls))
        await seen.until('somebody waits', () => seen.port.stats().database.waiting === running.queries)
        waiter.abort(reason)
        await assert.rejects(waiting, (error) => error === reason)
        assert.equal(seen.port.stats().database.waiting, 0, 'it still waits')
        holder.abort(reason)
        await assert.rejects(holding, (error) => error === reason)
        await seen.isQuiet()
        const next = await run(style)(seen.port, input, new AbortController().signal, controls)
        assert.deepEqual(next, output)
      }),
  }
  return [
    {
      title: 'answers what Postgres and the reservation service hold',
      check: (style, world) =>
        withPort(world, {}, async ({ port }) => {
          const { signal } = new AbortController()
          assert.deepEqual(await run(style)(port, input, signal, controls), output)
        }),
    },
    {
      title: 'after an abort while its calls run, nothing of it runs in Postgres or over HTTP',
      check: (style, world) =>
        withPort(world, {}, async (seen) => {
          const controller = new AbortController()
          const reason = new Error('the reader has left')
          const slow = seen.port.forRun({ dbMs: slowMs, httpMs: slowMs })
          const ongoing = Promise.resolve(run(style)(slow, input, controller.signal, controls))
          await seen.until('the queries run', async () => (await seen.queries()) === running.queries)
          await seen.until('the requests run', () => seen.requests() === running.requests)
          controller.abort(reason)
          await assert.rejects(ongoing, (error) => error === reason)
          await seen.isQuiet()
          await seen.hasNoSocket()
        }),
    },
    ...(running.queries > 0 ? [abortWhileWaiting] : []),
  ]
}
