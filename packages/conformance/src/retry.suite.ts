import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  DatabaseError,
  HttpError,
  type Reservation,
  type RetryInput,
  TIMER_LIMIT_MS,
  UnknownSkuError,
  backoffMs,
  isRetriable,
} from '@overlap/workload'
import * as fc from 'fast-check'
import type { Subject, Suite } from './clause.ts'
import { commonRealClauses } from './real-clauses.ts'
import { nameOf, successes } from './reference.ts'
import { refusesInputs, standingClauses } from './standing.ts'
import { type Trial, assertOutcome, quiet, withTrials } from './trial.ts'
import { walkClause } from './walk.ts'
import { withPort } from './world.ts'

/** Errors that are made anew for each call, because the suite asks for that very object. */
const busy = () => new HttpError('too busy', { status: 503 })
const refused = () => new HttpError('no such product', { status: 404 })

const subject: Subject<RetryInput, Reservation> = {
  scenario: 'retry',
  run: (style) => style.retry.bind(style),
  input: (n) => ({ sku: `A-${n}`, attempts: 3, baseMs: 50 + n, capMs: 80 + n, random: () => 0.9 }),
  answersTo: (call) => [...successes(call), { error: refused() }, { error: busy() }],
  reference(input, history) {
    const fetch = { name: 'fetchReservation', input: input.sku } as const
    const calls = [fetch]
    /** Until the next attempt; `undefined` while one runs. */
    let leftMs: number | undefined
    for (const happening of history) {
      if ('call' in happening) {
        const { outcome } = happening
        if (!('error' in outcome)) return { calls, outcome: outcome as { value: Reservation } }
        if (calls.length === input.attempts || !isRetriable(outcome.error)) return { calls, outcome }
        leftMs = backoffMs(calls.length, input)
      } else if ('passedMs' in happening && leftMs !== undefined) {
        leftMs -= happening.passedMs
        if (leftMs > 0) continue
        calls.push(fetch)
        leftMs = undefined
      }
    }
    return { calls, nextMs: leftMs }
  },
}

/** Fails the call that runs. */
function fail(trial: Trial<unknown>, error: Error): void {
  const call = trial.calls.at(-1)
  assert(call?.state === 'running', 'no call runs')
  trial.answer({ call, outcome: { error } })
}

/** Asks for exactly `ms` until the next call. */
async function waitsFor(trial: Trial<unknown>, ms: number): Promise<void> {
  const before = trial.calls.length
  trial.pass(ms - 1)
  await quiet()
  assert.equal(trial.calls.length, before, `it has waited less than ${ms} ms`)
  trial.pass(1)
  await quiet()
  assert.equal(trial.calls.length, before + 1, `it has waited longer than ${ms} ms`)
}

const passing: readonly Error[] = [
  ...[429, 502, 503, 504].map((status) => new HttpError(`status ${status}`, { status })),
  ...['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EAI_AGAIN', 'UND_ERR_SOCKET'].map(
    (code) => new HttpError(code, { code }),
  ),
  new DatabaseError('not ready for connections', { code: '57P03' }),
]

const lasting: readonly Error[] = [
  ...[400, 401, 404, 409, 500, 501].map((status) => new HttpError(`status ${status}`, { status })),
  new HttpError('no reservation stands in it', { status: 200 }),
  new HttpError('no such host', { code: 'ENOTFOUND' }),
  new HttpError('nobody knows why'),
  new DatabaseError('no such table', { code: '42P01' }),
  new UnknownSkuError('A-42'),
  new TypeError('a bug'),
  Object.assign(new Error('not of the service'), { status: 503 }),
]

/** On the real port, where time passes by itself. */
const realInput: RetryInput = { sku: 'A-42', attempts: 3, baseMs: 10, capMs: 20 }

const ordinary: RetryInput = { sku: 'A-42', attempts: 4, baseMs: 100, capMs: 350, random: () => 0.5 }

export const retrySuite: Suite = {
  scenario: 'retry',
  clauses: [
    ...standingClauses(subject),
    {
      id: 'only what passes',
      title:
        'tries again only what may pass: a busy service and a lost connection, and nothing that was refused',
      async check(style) {
        for (const error of [...passing, ...lasting]) {
          await withTrials(async (start) => {
            const trial = start(subject.run(style), ordinary)
            await quiet()
            fail(trial, error)
            await quiet()
            if (lasting.includes(error)) return assertOutcome(trial, { error })
            assert(!trial.outcome, `it gives up after ${String(error)}`)
            return waitsFor(trial, 50)
          })
        }
      },
    },
    {
      id: 'attempts',
      title: 'makes at most `attempts` calls',
      async check(style) {
        for (const attempts of [1, 2, 5]) {
          await withTrials(async (start) => {
            const trial = start(subject.run(style), { ...ordinary, attempts })
            for (let made = 1; made <= attempts; made++) {
              await quiet()
              assert.equal(trial.calls.length, made)
              fail(trial, busy())
              await quiet()
              trial.pass(1_000)
            }
            await quiet()
            assert.equal(trial.calls.length, attempts)
            assert(trial.outcome, 'it has not settled after its last attempt')
          })
        }
      },
    },
    {
      id: 'last error',
      title: 'fails with the last error itself, as soon as it happened',
      check: (style) =>
        withTrials(async (start) => {
          const trial = start(subject.run(style), { ...ordinary, attempts: 2 })
          const [first, last] = [busy(), busy()]
          await quiet()
          fail(trial, first)
          await quiet()
          await waitsFor(trial, 50)
          fail(trial, last)
          await quiet()
          assertOutcome(trial, { error: last })
        }),
    },
    {
      id: 'backoff',
      title: 'waits for the share of min(cap, base · 2^(k−1)) that `random` says, not one ms less',
      async check(style) {
        const drawn: readonly (readonly [random: number, waits: readonly number[]])[] = [
          [0.01, [1, 2, 3, 3]],
          [0.5, [50, 100, 175, 175]],
          [0.999_999, [100, 200, 350, 350]],
        ]
        for (const [share, waits] of drawn) {
          await withTrials(async (start) => {
            const trial = start(subject.run(style), { ...ordinary, attempts: 5, random: () => share })
            for (const ms of waits) {
              await quiet()
              fail(trial, busy())
              await quiet()
              await waitsFor(trial, ms)
            }
          })
        }
      },
    },
    {
      id: 'one draw',
      title: 'asks `random` once for each wait, when the wait begins, and not when there is none',
      check: (style) =>
        withTrials(async (start) => {
          let draws = 0
          const random = () => [0.5, 0.25, 0.75][draws++] ?? 0
          const trial = start(subject.run(style), { ...ordinary, random })
          for (const [index, ms] of [50, 50, 263].entries()) {
            await quiet()
            assert.equal(draws, index)
            fail(trial, busy())
            await quiet()
            assert.equal(draws, index + 1)
            await waitsFor(trial, ms)
          }
          fail(trial, busy())
          const refusing = start(subject.run(style), { ...ordinary, random })
          await quiet()
          fail(refusing, refused())
          await quiet()
          assert.equal(draws, 3, 'it has drawn although it waits no more')
        }),
    },
    {
      id: 'no wait',
      title: 'a wait of 0 ends within 1 ms',
      check: (style) =>
        withTrials(async (start) => {
          const trial = start(subject.run(style), { ...ordinary, random: () => 0 })
          await quiet()
          fail(trial, busy())
          await quiet()
          trial.pass(1)
          await quiet()
          assert.equal(trial.calls.length, 2)
        }),
    },
    {
      id: 'longest wait',
      title: 'waits for as long as a timer can',
      check: (style) =>
        withTrials(async (start) => {
          const [baseMs, capMs] = [TIMER_LIMIT_MS, TIMER_LIMIT_MS]
          const trial = start(subject.run(style), { ...ordinary, baseMs, capMs, random: () => 1 - 2 ** -53 })
          await quiet()
          fail(trial, busy())
          await quiet()
          await waitsFor(trial, TIMER_LIMIT_MS)
        }),
    },
    {
      id: 'abort ends the wait',
      title: 'an abort ends the wait at once, and what it says is not tried again',
      async check(style) {
        for (const waits of [true, false]) {
          await withTrials(async (start) => {
            const trial = start(subject.run(style), ordinary)
            await quiet()
            if (waits) fail(trial, busy())
            await quiet()
            const reason = busy()
            trial.abort(reason)
            await quiet()
            assertOutcome(trial, { error: reason })
            trial.pass(1_000)
            await quiet()
            assert.deepEqual(trial.calls.map(nameOf), ['fetchReservation("A-42")'])
          })
        }
      },
    },
    walkClause(
      // Mostly what is tried again, or a walk would seldom get far.
      {
        ...subject,
        answersTo: (call) => [
          ...successes(call),
          ...passing.map((error) => ({ error })),
          ...lasting.slice(0, 2).map((error) => ({ error })),
        ],
      },
      fc.record({
        sku: fc.constant('A-42'),
        attempts: fc.integer({ min: 1, max: 8 }),
        baseMs: fc.integer({ min: 1, max: 500 }),
        capMs: fc.integer({ min: 1, max: 5_000 }),
        // Less than a half may mean a wait of 0, which has a clause of its own.
        random: fc.double({ min: 0.5, max: 0.999_999, noNaN: true }).map((share) => () => share),
      }),
    ),
    refusesInputs(subject, [
      ...[0, -1, 1.5, NaN, Infinity, 2 ** 53].map((attempts) => ({
        input: { ...ordinary, attempts },
        message: `attempts: expected an integer of at least 1, got ${attempts}`,
      })),
      ...(['baseMs', 'capMs'] as const).flatMap((field) =>
        [-1, 1.5, NaN, Infinity, 2 ** 31].map((ms) => ({
          input: { ...ordinary, [field]: ms },
          message: `${field}: expected an integer from 0 to 2147483647, got ${ms}`,
        })),
      ),
    ]),
  ],
  realClauses: [
    ...commonRealClauses({
      run: subject.run,
      input: realInput,
      output: { sku: 'A-42', reserved: 2 },
      running: { queries: 0, requests: 1 },
    }),
    {
      title: 'gets over a service that is busy, with one request more for each failure',
      check: (style, world) =>
        withPort(world, {}, async ({ port }) => {
          const before = world.service.ledger.requests
          const run = style.retry(
            port.forRun({ dbMs: 0, httpMs: 0, failures: 2 }),
            realInput,
            new AbortController().signal,
          )
          assert.deepEqual(await run, { sku: 'A-42', reserved: 2 })
          assert.equal(world.service.ledger.requests - before, 3)
        }),
    },
    {
      title: 'fails with the last 503 of a service that stays busy',
      check: (style, world) =>
        withPort(world, {}, async ({ port }) => {
          const before = world.service.ledger.requests
          const run = style.retry(
            port.forRun({ dbMs: 0, httpMs: 0, failures: 9 }),
            realInput,
            new AbortController().signal,
          )
          await assert.rejects(run, (error) => error instanceof HttpError && error.status === 503)
          assert.equal(world.service.ledger.requests - before, 3)
        }),
    },
    {
      title: 'asks a service once that has answered 404',
      check: (style, world) =>
        withRefusals(404, (refusals) =>
          withPort(world, { upstreamUrl: refusals.url }, async ({ port }) => {
            const run = style.retry(port, realInput, new AbortController().signal)
            await assert.rejects(run, (error) => error instanceof HttpError && error.status === 404)
            assert.equal(refusals.requests, 1)
          }),
        ),
    },
    {
      title: 'after an abort while it waits for its next attempt, it makes no request',
      check: (style, world) =>
        withPort(world, {}, async (seen) => {
          const controller = new AbortController()
          const reason = new Error('the reader has left')
          const before = world.service.ledger.requests
          const run = style.retry(
            seen.port.forRun({ dbMs: 0, httpMs: 0, failures: 9 }),
            { sku: 'A-42', attempts: 3, baseMs: 250, capMs: 250, random: () => 0.99 },
            controller.signal,
          )
          await seen.until('the first attempt is made', () => world.service.ledger.requests > before)
          await seen.until('it has been answered', () => seen.port.stats().http.requests === 0)
          controller.abort(reason)
          await assert.rejects(run, (error) => error === reason)
          await sleep(300)
          assert.equal(world.service.ledger.requests, before + 1)
        }),
    },
  ],
}

/** A service that answers every request with `status`, and counts them. */
async function withRefusals(
  status: number,
  body: (refusals: { readonly url: string; readonly requests: number }) => Promise<void>,
): Promise<void> {
  let requests = 0
  const server = http.createServer((_, response) => {
    requests++
    response.writeHead(status, { 'content-length': 0 }).end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  // A cast, because a server may listen on a pipe too.
  const { port } = server.address() as AddressInfo
  try {
    await body({
      url: `http://127.0.0.1:${port}`,
      get requests() {
        return requests
      },
    })
  } finally {
    server.close()
    server.closeAllConnections()
  }
}
