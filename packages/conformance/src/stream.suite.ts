import assert from 'node:assert/strict'
import {
  type Availability,
  type Reservation,
  type Sku,
  type Stock,
  type StreamInput,
  toAvailability,
} from '@overlap/workload'
import * as fc from 'fast-check'
import type { Subject, Suite } from './clause.ts'
import { collect } from './collect.ts'
import { consumerActs, readByHand } from './read-by-hand.ts'
import { availability, commonRealClauses } from './real-clauses.ts'
import {
  type Moment,
  type Reference,
  combineCalls,
  failure,
  mostlySuccess,
  nameOf,
  oneSuccess,
  skusOf,
  successes,
} from './reference.ts'
import type { MadeCall } from './scripted-port.ts'
import { refusesInputs, runsExactly, standingClauses } from './standing.ts'
import { type Trial, assertOutcome, quiet, withTrials } from './trial.ts'
import { walkClause } from './walk.ts'
import { slowMs, withPort } from './world.ts'

/** A product in flight, with what has been answered of it. */
interface Flight {
  readonly sku: Sku
  stock?: Stock
  reservation?: Reservation
}

/** `eager`: the consumer asks for whatever there is. Otherwise it acts. */
const referenceFor =
  (eager: boolean): Reference<StreamInput, readonly Availability[]> =>
  ({ skus, limit }, history) => {
    let started = 0
    let flights: Flight[] = []
    let unread: Availability[] = []
    const read: Availability[] = []
    let waiting = eager ? Infinity : 0
    let pulled = eager
    let failed: { readonly error: Error } | undefined
    let left = false
    const cancelled: MadeCall[] = []

    function proceed() {
      if (!pulled || failed) return
      for (let moved = true; moved;) {
        moved = false
        while (flights.length + unread.length < limit && started < skus.length) {
          flights.push({ sku: skus[started++] ?? '' })
        }
        const [next] = waiting > 0 ? unread.splice(0, 1) : []
        if (!next) continue
        read.push(next)
        waiting--
        moved = true
      }
    }
    proceed()
    for (const happening of history) {
      if ('act' in happening) {
        if (happening.act === 'leave') left = true
        else waiting++
        pulled = true
      } else if ('call' in happening) {
        const { call, outcome } = happening
        const part = call.name === 'findStock' ? 'stock' : 'reservation'
        const flight = flights.find((one) => one.sku === call.input && !one[part])
        assert(flight, `nobody waits for ${nameOf(call)}`)
        // A cast, because a history holds the answers of every call.
        if ('value' in outcome) Object.assign(flight, { [part]: outcome.value })
        else {
          failed = outcome
          for (const one of flights) {
            const open = combineCalls(one.sku).filter(({ name }) =>
              name === 'findStock' ? !one.stock : !one.reservation,
            )
            cancelled.push(...open.filter(({ name }) => one !== flight || name !== call.name))
          }
          flights = []
          unread = []
        }
        if (flight.stock && flight.reservation) {
          unread.push(toAvailability(flight.stock, flight.reservation))
          flights = flights.filter((one) => one !== flight)
        }
      }
      proceed()
    }
    const isOver = pulled && started === skus.length && flights.length + unread.length === 0
    return {
      calls: skus.slice(0, started).flatMap(combineCalls),
      cancelled,
      acts: eager ? [] : consumerActs(waiting),
      outcome: outcomeOf(),
    }

    function outcomeOf(): Moment<readonly Availability[]>['outcome'] {
      if (left) return { value: read }
      if (waiting > 0) return failed ?? (isOver ? { value: read } : undefined)
      return undefined
    }
  }

/** It reads to the end, as eagerly as can be. */
const subject: Subject<StreamInput, readonly Availability[]> = {
  scenario: 'stream',
  run: (style) => collect(style.stream.bind(style)),
  input: (n) => ({
    skus: ['A', 'B', 'C', 'D'].slice(0, 2 + (n % 3)).map((sku) => `${sku}-${n}`),
    limit: 1 + ((n + 1) % 3),
  }),
  answersTo: oneSuccess,
  reference: referenceFor(true),
}

/** It reads when it likes, and may leave. */
const byHand: Subject<StreamInput, readonly Availability[]> = {
  ...subject,
  run: (style) => readByHand(style.stream.bind(style)),
  answersTo: mostlySuccess,
  reference: referenceFor(false),
}

const inputs: fc.Arbitrary<StreamInput> = fc.record({
  skus: fc.array(fc.constantFrom('A-42', 'B-7', 'C-1'), { maxLength: 6 }),
  limit: fc.integer({ min: 1, max: 4 }),
})

type Reading = Trial<readonly Availability[]>

/** Answers both calls of a product, and lets what follows happen. */
async function complete(trial: Reading, sku: Sku): Promise<void> {
  for (const call of combineCalls(sku)) {
    const [outcome] = successes(call)
    assert(outcome)
    trial.answer({ call, outcome })
  }
  await quiet()
}

async function act(trial: Reading, name: 'pull' | 'leave'): Promise<void> {
  trial.happen({ act: name })
  await quiet()
}

function inFlight(trial: Reading, skus: readonly Sku[]): void {
  runsExactly(trial, skus.flatMap(combineCalls))
}

function hasRead({ outcome }: Reading, skus: readonly Sku[]): void {
  assert(outcome && 'value' in outcome, 'it has not ended well')
  assert.deepEqual(
    outcome.value.map(({ sku }) => sku),
    skus,
  )
}

export const streamSuite: Suite = {
  scenario: 'stream',
  clauses: [
    ...standingClauses(subject),
    walkClause(byHand, inputs),
    {
      id: 'lazy',
      title: 'starts nothing before the first pull',
      check: (style) =>
        withTrials(async (start) => {
          const trial = start(byHand.run(style), { skus: skusOf(3), limit: 2 })
          await quiet()
          inFlight(trial, [])
          await act(trial, 'pull')
          inFlight(trial, ['A-0', 'A-1'])
        }),
    },
    {
      id: 'ahead',
      title: 'in flight and unread together are never more than limit, nor fewer while some wait',
      check: (style) =>
        withTrials(async (start) => {
          const trial = start(byHand.run(style), { skus: skusOf(6), limit: 2 })
          await quiet()
          await act(trial, 'pull')
          await complete(trial, 'A-0')
          inFlight(trial, ['A-1', 'A-2'])
          await complete(trial, 'A-1')
          inFlight(trial, ['A-2'])
          await complete(trial, 'A-2')
          inFlight(trial, [])
          await act(trial, 'pull')
          inFlight(trial, ['A-3'])
          await act(trial, 'pull')
          inFlight(trial, ['A-3', 'A-4'])
        }),
    },
    {
      id: 'order',
      title: 'yields in the order of completion, whoever waits',
      check: (style) =>
        withTrials(async (start) => {
          for (const pulls of [1, 4]) {
            const trial = start(byHand.run(style), { skus: skusOf(3), limit: 3 })
            await quiet()
            for (let pull = 0; pull < pulls; pull++) await act(trial, 'pull')
            for (const sku of ['A-2', 'A-0', 'A-1']) await complete(trial, sku)
            for (let pull = pulls; pull < 4; pull++) await act(trial, 'pull')
            hasRead(trial, ['A-2', 'A-0', 'A-1'])
          }
        }),
    },
    {
      id: 'leaving',
      title: 'leaving early cancels what runs, also while a pull waits',
      check: (style) =>
        withTrials(async (start) => {
          for (const pulls of [1, 2]) {
            const trial = start(byHand.run(style), { skus: skusOf(6), limit: 3 })
            await quiet()
            for (let pull = 0; pull < pulls; pull++) await act(trial, 'pull')
            await complete(trial, 'A-1')
            inFlight(trial, ['A-0', 'A-2', 'A-3'])
            await act(trial, 'leave')
            inFlight(trial, [])
            hasRead(trial, ['A-1'])
            assert.deepEqual(trial.runningWhenSettled, [])
          }
        }),
    },
    {
      id: 'slow consumer',
      title: 'a consumer ten times slower than the producer loses nothing',
      check: (style) =>
        withTrials(async (start) => {
          const skus = skusOf(20)
          const trial = start(byHand.run(style), { skus, limit: 3 })
          await quiet()
          for (let turn = 0; turn <= skus.length * 10; turn++) {
            if (turn % 10 === 0) await act(trial, 'pull')
            const running = trial.calls.find(({ state }) => state === 'running')
            if (running) await complete(trial, String(running.input))
          }
          hasRead(trial, skus)
        }),
    },
    {
      id: 'error first',
      title: 'an error comes before what is unread, and cancels the rest before anybody asks',
      check: (style) =>
        withTrials(async (start) => {
          const trial = start(byHand.run(style), { skus: skusOf(6), limit: 4 })
          await quiet()
          await act(trial, 'pull')
          for (const sku of ['A-0', 'A-1', 'A-2']) await complete(trial, sku)
          inFlight(trial, ['A-3', 'A-4'])
          const call: MadeCall = { name: 'fetchReservation', input: 'A-4' }
          const outcome = failure(call)
          trial.answer({ call, outcome })
          await quiet()
          inFlight(trial, [])
          assert.equal(trial.outcome, undefined, 'nobody has asked')
          await act(trial, 'pull')
          assertOutcome(trial, outcome)
        }),
    },
    {
      id: 'no sku',
      title: 'of no sku, ends at once, without a call',
      check: (style) =>
        withTrials(async (start) => {
          const trial = start(subject.run(style), { skus: [], limit: 1 })
          await quiet()
          hasRead(trial, [])
          assert.deepEqual(trial.calls.map(nameOf), [])
          assert.deepEqual(trial.leftovers(), [])
        }),
    },
    refusesInputs(
      subject,
      [0, -1, 1.5, NaN, Infinity].map((limit) => ({
        input: { skus: ['A-42'], limit },
        message: `limit: expected an integer of at least 1, got ${limit}`,
      })),
    ),
  ],
  realClauses: [
    ...commonRealClauses({
      run: subject.run,
      input: { skus: ['A-42'], limit: 3 },
      output: [availability],
      running: { queries: 1, requests: 1 },
    }),
    {
      title: 'of 12 skus, a reader that stops reading has at most 3 started and unread',
      check: (style, world) =>
        withPort(world, {}, async (seen) => {
          const before = world.service.ledger.requests
          const asked = () => world.service.ledger.requests - before
          const skus = Array.from({ length: 12 }, () => 'A-42')
          const values = style.stream(seen.port, { skus, limit: 3 }, new AbortController().signal)
          const reader = values[Symbol.asyncIterator]()
          for (let read = 1; read <= 2; read++) {
            assert.deepEqual(await reader.next(), { done: false, value: availability })
            await seen.until('it goes on', () => asked() >= read + 3)
            // With `seen.isQuiet`, which waits for the queries too, what should not start would have.
            await seen.isQuiet()
            assert.equal(asked(), read + 3)
          }
          await reader.return?.()
        }),
    },
    {
      title: 'leaving closes its sockets, and its queries are gone from Postgres',
      check: (style, world) =>
        withPort(world, {}, async (seen) => {
          const slow = seen.port.forRun({ dbMs: slowMs, httpMs: slowMs })
          const skus = Array.from({ length: 12 }, () => 'A-42')
          const values = style.stream(slow, { skus, limit: 3 }, new AbortController().signal)
          const reader = values[Symbol.asyncIterator]()
          const first = reader.next()
          await seen.until('the queries run', async () => (await seen.queries()) === 3)
          await seen.until('the requests run', () => seen.requests() === 3)
          await reader.return?.()
          await seen.isQuiet()
          await seen.hasNoSocket()
          assert.deepEqual(await first, { done: true, value: undefined })
        }),
    },
  ],
}
