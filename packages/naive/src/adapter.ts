import {
  type Cancel,
  type Port,
  type Session,
  type Style,
  allFailed,
  checkBatch,
  checkHedge,
  checkLimit,
  checkRace,
  checkRegulate,
  checkRegulated,
  checkRetry,
  checkShutdown,
  checkSubscribe,
  checkThumbnails,
  checkTimeout,
  checkTransaction,
  toAsyncIterable,
} from '@overlap/workload'
import { type Backend, lift, liftBackend } from './backend.ts'
import { batch } from './batch.ts'
import { combine } from './combine.ts'
import { echo } from './echo.ts'
import { hedge } from './hedge.ts'
import { latest } from './latest.ts'
import { limit } from './limit.ts'
import { race } from './race.ts'
import { regulate } from './regulate.ts'
import { retry } from './retry.ts'
import { sequence } from './sequence.ts'
import { shutdown } from './shutdown.ts'
import { stream } from './stream.ts'
import { subscribe } from './subscribe.ts'
import { thumbnails } from './thumbnails.ts'
import { timeout } from './timeout.ts'
import { transaction } from './transaction.ts'

/**
 * How long what a run has left open for ever stays open. A process that belongs to the slide alone would keep it
 * until it ends; a server has other runs, which need the connection, the row and the memory.
 */
const LEFT_OPEN_MS = 10_000

const later = (release: () => void) => void setTimeout(release, LEFT_OPEN_MS).unref()

/** Of the signal, the caller alone hears: what runs, runs on. */
async function hear<A>(running: Promise<A>, signal: AbortSignal): Promise<A> {
  const aborted = Promise.withResolvers<never>()
  const abort = () => aborted.reject(signal.reason)
  if (signal.aborted) abort()
  else signal.addEventListener('abort', abort, { once: true })
  try {
    return await Promise.race([running, aborted.promise])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

/** The input is checked here, because no slide does, and it is not what is wrong with them. */
const run =
  <I, A>(scenario: (backend: Backend, input: I) => Promise<A>, check: (input: I) => void = () => {}) =>
  async (port: Port, input: I, signal: AbortSignal): Promise<A> => {
    check(input)
    return hear(scenario(liftBackend(port), input), signal)
  }

/** What `Promise.any` fails with, in the words of all styles: nothing is to be wrong by its wording alone. */
const any =
  <I, A>(scenario: (backend: Backend, input: I) => Promise<A>) =>
  (backend: Backend, input: I): Promise<A> =>
    scenario(backend, input).catch((error: unknown) => {
      throw error instanceof AggregateError ? allFailed(error.errors) : error
    })

const iterate =
  <I, A>(scenario: (backend: Backend, input: I) => AsyncGenerator<A, void>, check: (input: I) => void) =>
  (port: Port, input: I, signal: AbortSignal): AsyncIterable<A> => ({
    [Symbol.asyncIterator]() {
      const values = scenario(liftBackend(port), input)
      return {
        async next() {
          check(input)
          return hear(values.next(), signal)
        },
        return: () => values.return(),
      }
    },
  })

export const naive: Style = {
  name: 'naive',
  sequence: run(sequence),
  combine: run(combine),
  timeout: run(timeout, checkTimeout),
  retry: run(retry, checkRetry),
  race: run(any(race), checkRace),
  hedge: run(any(hedge), checkHedge),
  transaction: (port, input, signal) => {
    let left: Session | undefined
    const openSession: Port['openSession'] = (_, done) =>
      port.openSession(undefined, (error, session) => {
        left = session
        done(error, session)
      })
    const order: typeof transaction = async (backend, units) => {
      try {
        return await transaction(backend, units)
      } catch (error) {
        later(() => left?.close())
        throw error
      }
    }
    return run(order, checkTransaction)({ ...port, openSession }, input, signal)
  },
  limit: run(limit, checkLimit),
  stream: iterate(stream, checkLimit),
  latest: (port, skus, signal) =>
    toAsyncIterable(
      (emit, done) => {
        let ended = false
        function end(error: Error | null) {
          if (ended) return
          cancel()
          done(error)
        }
        function cancel() {
          ended = true
          leave()
        }
        function endWithLast() {
          last.then(() => end(null), end)
        }
        const ask = latest(liftBackend(port), (availability) => {
          if (!ended) emit(availability)
        })
        let last = Promise.resolve()
        const leave = skus(
          (sku) => {
            last = ask(sku)
            // Who asks at each keystroke has nobody to tell of a failure: it is an unhandled rejection, also that
            // of a sku which was overtaken long ago, and ends the process. A server's process is not the slide's
            // alone, so here it ends the run.
            last.catch(end)
          },
          (error) => (error ? end(error) : endWithLast()),
        )
        return { request() {}, cancel }
      },
      signal,
      'newest',
    ),
  batch(port, input) {
    checkBatch(input)
    const load = batch(liftBackend(port), input)
    return { load: (sku, signal) => hear(load(sku), signal) }
  },
  thumbnails: run(thumbnails, checkThumbnails),
  subscribe: (port, input, signal) => ({
    [Symbol.asyncIterator]() {
      const left: Cancel[] = []
      const listen: Port['listen'] = (channel) => (next, done) => {
        const cancel = port.listen(channel)(next, done)
        left.push(cancel)
        return cancel
      }
      function release() {
        const listening = left.splice(0)
        if (listening.length > 0) later(() => listening.forEach((cancel) => cancel()))
      }
      const messages = iterate(subscribe, checkSubscribe)({ ...port, listen }, input, signal)
      const reader = messages[Symbol.asyncIterator]()
      return {
        async next() {
          try {
            return await reader.next()
          } catch (error) {
            release()
            throw error
          }
        },
        async return() {
          release()
          return { done: true, value: await reader.return?.() }
        },
      }
    },
  }),
  regulate(input) {
    checkRegulate(input)
    const regulator = regulate(input)
    return {
      async through(request, work, signal) {
        checkRegulated(request)
        const start = lift(work)
        return hear(
          regulator.through(request, () => start()),
          signal,
        )
      },
      get keys() {
        return regulator.keys()
      },
    }
  },
  shutdown(port, input) {
    checkShutdown(input)
    const service = shutdown(liftBackend(port), input)
    return { answer: (sku, signal) => hear(service.answer(sku), signal), close: service.close }
  },
  echo: run(echo),
}
