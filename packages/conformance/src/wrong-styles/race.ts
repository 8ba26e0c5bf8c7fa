import { type Port, type RaceInput, type Reservation, allFailed, checkRace } from '@overlap/workload'
import { call, scoped, wrong } from './fault.ts'

export const race = (port: Port, input: RaceInput, signal: AbortSignal): Promise<Reservation> =>
  scoped(signal, (racing) => {
    checkRace(input)
    return Promise.any(askAll(port, input, racing))
  }).catch(inOurWords(signal))

const askAll = (port: Port, { replicas, sku }: RaceInput, signal: AbortSignal): Promise<Reservation>[] =>
  replicas.map((replica) => call(port.fetchReservationFrom, { replica, sku }, signal))

/** To `Promise.any`, an abort is one more failure of each. */
const inOurWords = (signal: AbortSignal) => (error: unknown) => {
  signal.throwIfAborted()
  throw error instanceof AggregateError ? allFailed(error.errors) : error
}

export const wrongRaces = [
  wrong('takes whoever answers first, also with an error', ['a failure settles nothing', 'any schedule'], {
    race: (port, input, signal) => scoped(signal, (racing) => Promise.race(askAll(port, input, racing))),
  }),
  wrong('lets the losers run', ['losers', 'nothing outlives it'], {
    race: (port, input, signal) => Promise.any(askAll(port, input, signal)).catch(inOurWords(signal)),
  }),
  wrong('holds the errors in the order of failing', ['all have failed'], {
    race: (port, input, signal) => {
      const errors: Error[] = []
      const note = (error: unknown) => {
        errors.push(error as Error)
        throw error
      }
      return scoped(signal, (racing) =>
        Promise.any(askAll(port, input, racing).map((answer) => answer.catch(note))),
      ).catch(() => {
        signal.throwIfAborted()
        throw allFailed(errors)
      })
    },
  }),
  wrong('fails with the last error alone', ['first error', 'all have failed'], {
    race: (port, input, signal) =>
      race(port, input, signal).catch((error: unknown) => {
        throw error instanceof AggregateError ? error.errors.at(-1) : error
      }),
  }),
  wrong('waits for nobody, for ever', ['no replica'], {
    race: (port, input, signal) =>
      input.replicas.length === 0 ? new Promise(() => {}) : race(port, input, signal),
  }),
  wrong('asks one replica after the other', ['equal work', 'losers'], {
    race: async (port, { replicas, sku }, signal) => {
      const errors: Error[] = []
      for (const replica of replicas) {
        try {
          return await call(port.fetchReservationFrom, { replica, sku }, signal)
        } catch (error) {
          signal.throwIfAborted()
          errors.push(error as Error)
        }
      }
      throw allFailed(errors)
    },
  }),
  wrong('takes any number for a replica', ['wrong input'], {
    race: (port, input, signal) =>
      scoped(signal, (racing) => Promise.any(askAll(port, input, racing))).catch(inOurWords(signal)),
  }),
]
