import assert from 'node:assert/strict'
import {
  type Availability,
  type Port,
  type Reservation,
  type Sku,
  type Source,
  type Stock,
  type Style,
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
  successes,
} from './reference.ts'
import type { MadeCall } from './scripted-port.ts'
import { type ScriptedSource, scriptedSource } from './scripted-source.ts'
import { endsClean, runsExactly, standingClauses } from './standing.ts'
import { type Run, type Trial, assertOutcome, quiet, withTrials } from './trial.ts'
import { walkClause } from './walk.ts'
import { slowMs, withPort } from './world.ts'

/** The skus that can be asked for, one after the other. */
type Skus = readonly Sku[]

/** What the input fails with. */
const inputFailure = { error: new Error('the input is lost') }

/** `eager`: the consumer reads whatever there is. Otherwise it acts, and a push is likelier than an end. */
const referenceFor =
  (eager: boolean): Reference<Skus, readonly Availability[]> =>
  (skus, history) => {
    let pushed = 0
    let current: { readonly sku: Sku; stock?: Stock; reservation?: Reservation } | undefined
    let inputEnded = false
    let unread: Availability | undefined
    const read: Availability[] = []
    let waiting = eager ? Infinity : 0
    let pulled = eager
    let failed: { readonly error: Error } | undefined
    let left = false
    const cancelled: MadeCall[] = []
    const pushes = eager ? ['push'] : ['push', 'push', 'push']

    /** Whatever of the present sku has not been answered, besides what has just failed. */
    function cancel(besides?: MadeCall['name']) {
      if (!current) return
      const { sku, stock, reservation } = current
      const open = combineCalls(sku).filter(({ name }) => !(name === 'findStock' ? stock : reservation))
      cancelled.push(...open.filter(({ name }) => name !== besides))
      current = undefined
    }
    function fail(outcome: { readonly error: Error }) {
      failed = outcome
      unread = undefined
    }
    for (const happening of history) {
      if ('call' in happening) {
        const { call, outcome } = happening
        assert(current, `nobody waits for ${nameOf(call)}`)
        if ('error' in outcome) {
          cancel(call.name)
          fail(outcome)
        } else {
          Object.assign(current, { [call.name === 'findStock' ? 'stock' : 'reservation']: outcome.value })
          const { stock, reservation } = current
          if (stock && reservation) {
            unread = toAvailability(stock, reservation)
            current = undefined
          }
        }
      } else if ('act' in happening) {
        if (happening.act === 'push') {
          cancel()
          current = { sku: skus[pushed++] ?? '' }
        } else if (happening.act === 'end') inputEnded = true
        else if (happening.act === 'fail') {
          cancel()
          fail(inputFailure)
        } else if (happening.act === 'leave') left = true
        else {
          waiting++
          pulled = true
        }
      }
      if (unread && waiting > 0) {
        read.push(unread)
        waiting--
        unread = undefined
      }
    }
    const inputActs = [...(pushed < skus.length ? pushes : []), 'end', 'fail']
    return {
      calls: skus.slice(0, pushed).flatMap(combineCalls),
      cancelled,
      acts: [...(pulled && !inputEnded && !failed ? inputActs : []), ...(eager ? [] : consumerActs(waiting))],
      outcome: outcomeOf(),
    }

    function outcomeOf(): Moment<readonly Availability[]>['outcome'] {
      if (left) return { value: read }
      if (waiting === 0) return undefined
      return failed ?? (inputEnded && !current && !unread ? { value: read } : undefined)
    }
  }

type Reader = (
  start: (port: Port, skus: Skus, signal: AbortSignal) => AsyncIterable<Availability>,
) => Run<Skus, readonly Availability[]>

/** The caller pushes the next sku, ends the input or fails it. When the run settles, nobody listens to the input. */
const withInput =
  (reader: Reader) =>
  (style: Style): Run<Skus, readonly Availability[]> =>
  (port, skus, signal, controls) => {
    const input = scriptedSource<Sku>()
    const run = reader((_, __, left) => style.latest(port, input.source, left))(port, skus, signal, controls)
    const consume = controls.act
    let pushed = 0
    controls.act = (name) => {
      if (name === 'push') input.push(skus[pushed++] ?? '')
      else if (name === 'end') input.end()
      else if (name === 'fail') input.end(inputFailure.error)
      else consume(name)
    }
    return thenCheck(run, input)
  }

/** Not `await`: it would hide a run that settles twice, or at once. */
const thenCheck = <A>(run: PromiseLike<A>, input: ScriptedSource<Sku>): PromiseLike<A> =>
  ({
    // oxlint-disable-next-line no-thenable
    then(resolve: (value: A) => void, reject: (error: unknown) => void) {
      const listened = () => reject(new Error('it has settled, and still listens to its input'))
      return run.then(
        (value) => (input.isOpen ? listened() : resolve(value)),
        (error: unknown) => (input.isOpen ? listened() : reject(error)),
      )
    },
  }) as PromiseLike<A>

const subject: Subject<Skus, readonly Availability[]> = {
  scenario: 'latest',
  run: withInput(collect),
  input: (n) => ['A', 'B', 'C'].slice(0, n === 0 ? 2 : 1 + (n % 3)).map((sku) => `${sku}-${n}`),
  answersTo: (call) => [...successes(call).slice(0, 1), failure(call)],
  reference: referenceFor(true),
}

/** It reads when it likes, and may leave. Failures are rarer than the walk would make them. */
const byHand: Subject<Skus, readonly Availability[]> = {
  ...subject,
  run: withInput(readByHand),
  answersTo: mostlySuccess,
  reference: referenceFor(false),
}

type Reading = Trial<readonly Availability[]>

async function act(trial: Reading, ...names: readonly string[]): Promise<void> {
  for (const name of names) {
    trial.happen({ act: name })
    await quiet()
  }
}

async function complete(trial: Reading, sku: Sku): Promise<void> {
  for (const call of combineCalls(sku)) {
    const [outcome] = successes(call)
    assert(outcome)
    trial.answer({ call, outcome })
    await quiet()
  }
}

function runs(trial: Reading, ...skus: readonly Sku[]): void {
  runsExactly(trial, skus.flatMap(combineCalls))
}

function hasRead({ outcome }: Reading, ...skus: readonly Sku[]): void {
  assert(outcome, 'it has not ended')
  assert('value' in outcome, `it has failed: ${'error' in outcome && String(outcome.error)}`)
  assert.deepEqual(
    outcome.value.map(({ sku }) => sku),
    skus,
  )
}

/** One clause on a run over three skus, read eagerly or by hand. */
const clause = (
  id: string,
  title: string,
  how: Subject<Skus, readonly Availability[]>,
  body: (trial: Reading) => Promise<void>,
): Suite['clauses'][number] => ({
  id,
  title,
  check: (style) =>
    withTrials(async (start) => {
      const trial = start(how.run(style), ['A-1', 'A-2', 'A-3'])
      await quiet()
      await body(trial)
    }),
})

export const latestSuite: Suite = {
  scenario: 'latest',
  clauses: [
    ...standingClauses(subject),
    walkClause(byHand, fc.array(fc.constantFrom('A-42', 'B-7', 'C-1'), { maxLength: 5 })),
    clause('switch', 'a new sku cancels the one before', subject, async (trial) => {
      await act(trial, 'push')
      runs(trial, 'A-1')
      await act(trial, 'push')
      runs(trial, 'A-2')
      trial.answer({
        call: { name: 'findStock', input: 'A-2' },
        outcome: { value: { sku: 'A-2', onHand: 1 } },
      })
      await act(trial, 'push')
      runs(trial, 'A-3')
    }),
    clause('overtaken', 'an overtaken sku never answers', subject, async (trial) => {
      await act(trial, 'push', 'push')
      // Whoever has not cancelled it hears its answer.
      await complete(trial, 'A-1')
      await complete(trial, 'A-2')
      await act(trial, 'end')
      hasRead(trial, 'A-2')
    }),
    clause('last', 'the last sku always answers, also after the end of the input', subject, async (trial) => {
      await act(trial, 'push', 'push', 'push', 'end')
      runs(trial, 'A-3')
      await complete(trial, 'A-3')
      hasRead(trial, 'A-3')
    }),
    clause('end waits', 'ends with its input, but not before the last answer', subject, async (trial) => {
      await act(trial, 'push', 'end')
      assert.equal(trial.outcome, undefined, 'it has not waited for the last answer')
      await complete(trial, 'A-1')
      hasRead(trial, 'A-1')
    }),
    clause('end at once', 'ends with its input at once when nothing runs', subject, async (trial) => {
      await act(trial, 'push')
      await complete(trial, 'A-1')
      assert.equal(trial.outcome, undefined, 'the input has not ended')
      await act(trial, 'end')
      hasRead(trial, 'A-1')
    }),
    clause('input error', 'an error of the input cancels what runs', subject, async (trial) => {
      await act(trial, 'push', 'fail')
      runs(trial)
      assertOutcome(trial, inputFailure)
    }),
    clause('call error', 'an error of a call cancels the input', subject, async (trial) => {
      await act(trial, 'push')
      const call: MadeCall = { name: 'findStock', input: 'A-1' }
      const outcome = failure(call)
      trial.answer({ call, outcome })
      await quiet()
      runs(trial)
      assertOutcome(trial, outcome)
    }),
    clause(
      'leaving',
      'leaving cancels the input and the call, also while a pull waits',
      byHand,
      async (trial) => {
        await act(trial, 'pull', 'push')
        runs(trial, 'A-1')
        await act(trial, 'leave')
        runs(trial)
        hasRead(trial)
        assert.deepEqual(trial.runningWhenSettled, [])
      },
    ),
    {
      id: 'leaving when it answers',
      title: 'who leaves while an answer is on its way is told of it or not, and nothing follows',
      check: (style) =>
        withTrials(async (start) => {
          // A style may take some microtasks to hand an answer over: somebody leaves after each of them.
          for (let microtasks = 0; microtasks < 24; microtasks++) {
            const trial = start(byHand.run(style), ['A-1'])
            await quiet()
            await act(trial, 'pull', 'push')
            for (const call of combineCalls('A-1')) {
              const [outcome] = successes(call)
              assert(outcome)
              trial.answer({ call, outcome })
            }
            for (let left = microtasks; left > 0; left--) await Promise.resolve()
            await act(trial, 'leave')
            const { outcome } = trial
            hasRead(trial, ...(outcome && 'value' in outcome && outcome.value.length > 0 ? ['A-1'] : []))
            endsClean(trial)
          }
        }),
    },
    clause('newest', 'an unread answer is replaced by a newer one', byHand, async (trial) => {
      await act(trial, 'pull')
      for (const sku of ['A-1', 'A-2', 'A-3']) {
        await act(trial, 'push')
        await complete(trial, sku)
      }
      await act(trial, 'end', 'pull', 'pull')
      hasRead(trial, 'A-1', 'A-3')
    }),
    clause('lazy', 'listens to its input from the first pull on', byHand, async (trial) => {
      // Nobody listens yet, and what nobody hears is lost.
      await act(trial, 'push')
      runs(trial)
      await act(trial, 'pull')
      runs(trial)
      await act(trial, 'push', 'end')
      await complete(trial, 'A-2')
      await act(trial, 'pull')
      hasRead(trial, 'A-2')
    }),
  ],
  realClauses: [
    ...commonRealClauses<readonly Sku[], readonly Availability[]>({
      run: (style) => collect((port, skus, signal) => style.latest(port, sourceOf(skus), signal)),
      input: ['A-42'],
      output: [availability],
      running: { queries: 1, requests: 1 },
    }),
    {
      title: 'the query of an overtaken sku is gone from Postgres, and its socket is closed',
      check: (style, world) =>
        withPort(world, {}, async (seen) => {
          const input = scriptedSource<Sku>()
          const slow = seen.port.forRun({ dbMs: slowMs, httpMs: slowMs })
          // A-42 takes long, and nothing else.
          const port: Port = {
            ...seen.port,
            findStock: (sku, done) => (sku === 'A-42' ? slow : seen.port).findStock(sku, done),
            fetchReservation: (sku, done) => (sku === 'A-42' ? slow : seen.port).fetchReservation(sku, done),
          }
          const answers = style.latest(port, input.source, new AbortController().signal)
          const reader = answers[Symbol.asyncIterator]()
          let first: Availability | undefined
          void reader.next().then(({ value }) => (first = value))
          input.push('A-42')
          await seen.until('the query runs', async () => (await seen.queries()) === 1)
          await seen.until('the request runs', () => seen.requests() === 1)
          input.push('B-0')
          await seen.isQuiet()
          await seen.until('the newer one is answered', () => first?.sku === 'B-0')
          // The one that is left is kept alive, for the next request.
          await seen.until('its socket is closed', () => world.service.ledger.openSockets <= 1)
          await reader.return?.()
          assert(!input.isOpen, 'it still listens to its input')
        }),
    },
  ],
}

/** Pushes one after the other, as soon as it may, and ends. */
const sourceOf =
  <A>(values: readonly A[]): Source<A> =>
  (next, done) => {
    const immediate = setImmediate(() => {
      for (const value of values) next(value)
      done(null)
    })
    return () => clearImmediate(immediate)
  }
