import {
  type Call,
  type HedgeInput,
  type Port,
  type Reservation,
  allFailed,
  checkHedge,
} from '@overlap/workload'
import { type Run, call, never, scoped, tap, wrapCalls, wrong } from './fault.ts'
import { race } from './race.ts'

/** What may be done wrong on the way. */
interface Faults {
  readonly checksNothing?: true
  readonly asksEarly?: true
  readonly settlesAtFirstFailure?: true
  readonly keepsOrderOfFailing?: true
  readonly endlessOfNobody?: true
  readonly abandonsCalls?: true
  readonly cancelsSlowOne?: true
  readonly asksAgain?: true
  readonly afterFailure?: 'waits' | 'keeps the timer'
  readonly afterEarlierFailure?: 'asks' | 'restarts the timer'
  readonly keepsTimerAfter?: 'last' | 'win'
  readonly noticesLate?: true
}

const hedgeWith =
  (faults: Faults): Run<HedgeInput, Reservation> =>
  (port, input, signal) =>
    scoped(signal, (hedging) => {
      const { promise, resolve, reject } = Promise.withResolvers<Reservation>()
      if (!faults.checksNothing) checkHedge(input)
      hedging.throwIfAborted()
      const { sku } = input
      const replicas = faults.asksAgain ? [...input.replicas, ...input.replicas] : input.replicas
      const delayMs = faults.asksEarly ? input.delayMs - 1 : input.delayMs
      const errors: Error[] = []
      let asked = 0
      let won = false
      let failed = 0
      let timer: NodeJS.Timeout | undefined
      let cancelLast = new AbortController()

      function askNext() {
        if (faults.afterFailure !== 'keeps the timer') clearTimeout(timer)
        if (won) return
        if (faults.cancelsSlowOne) cancelLast.abort()
        const index = asked
        const replica = replicas[index]
        if (replica === undefined) return
        asked++
        cancelLast = new AbortController()
        const asking = faults.abandonsCalls ? never : AbortSignal.any([hedging, cancelLast.signal])
        const notice = () => (won = !faults.noticesLate)
        const { fetchReservationFrom } = tap(port, () => {}, notice)
        call(fetchReservationFrom, { replica, sku }, asking).then(resolve, (error: unknown) => {
          if (!hedging.aborted) fail(index, error as Error)
        })
        if (asked < replicas.length || faults.keepsTimerAfter === 'last') startTimer()
      }
      function startTimer() {
        timer = setTimeout(askNext, delayMs)
      }
      function fail(index: number, error: Error) {
        if (faults.settlesAtFirstFailure) return reject(error)
        errors[faults.keepsOrderOfFailing ? failed : index] = error
        failed++
        if (failed === replicas.length) return reject(allFailed(errors))
        if (index === asked - 1) {
          if (faults.afterFailure !== 'waits') askNext()
        } else if (faults.afterEarlierFailure === 'asks') askNext()
        else if (faults.afterEarlierFailure === 'restarts the timer') {
          clearTimeout(timer)
          if (asked < replicas.length) startTimer()
        }
      }
      hedging.addEventListener('abort', () => {
        if (faults.keepsTimerAfter !== 'win') clearTimeout(timer)
        reject(hedging.reason)
      })
      if (replicas.length > 0) askNext()
      else if (!faults.endlessOfNobody) reject(allFailed([]))
      return promise
    })

export const hedge = (port: Port, input: HedgeInput, signal: AbortSignal): Promise<Reservation> =>
  hedgeWith({})(port, input, signal)

const wrongHedge = (name: string, fails: readonly string[], faults: Faults) =>
  wrong(name, fails, { hedge: hedgeWith(faults) })

const again =
  <I, A, E>(start: Call<I, A, E>): Call<I, A, E> =>
  (input, done) => {
    try {
      return start(input, done)
    } catch {
      return start(input, done)
    }
  }

export const wrongHedges = [
  wrong('asks again when a call throws', ['asks nobody twice after a throw'], {
    race: (port, input, signal) => race(wrapCalls(port, again), input, signal),
    hedge: (port, input, signal) => hedge(wrapCalls(port, again), input, signal),
  }),
  wrong('asks all replicas at once', ['equal work', 'never early'], { hedge: race }),
  wrongHedge('asks the next replica one ms early', ['never early', 'equal work', 'any schedule'], {
    asksEarly: true,
  }),
  wrongHedge('asks the next replica at any failure', ['earlier failure', 'equal work'], {
    afterEarlierFailure: 'asks',
  }),
  wrongHedge('restarts its timer at an earlier failure', ['earlier failure'], {
    afterEarlierFailure: 'restarts the timer',
  }),
  wrongHedge('waits out the delay after a failure', ['at once after a failure', 'equal work'], {
    afterFailure: 'waits',
  }),
  wrongHedge('keeps the timer of one that has failed', ['at once after a failure', 'any schedule'], {
    afterFailure: 'keeps the timer',
  }),
  wrongHedge('begins again with the first replica', ['asks nobody twice', 'equal work'], { asksAgain: true }),
  wrongHedge('waits after the last replica too', ['no timer after the last'], { keepsTimerAfter: 'last' }),
  wrongHedge('forgets its timer when it has won', ['no timer after the win', 'nothing left'], {
    keepsTimerAfter: 'win',
  }),
  wrongHedge('hears of its win a moment later', ['nobody after the win'], { noticesLate: true }),
  wrongHedge('lets the slow one run', ['losers', 'nothing outlives it'], { abandonsCalls: true }),
  wrongHedge('cancels the slow one when it asks the next', ['equal work'], { cancelsSlowOne: true }),
  wrongHedge('gives up at the first failure', ['a failure settles nothing', 'first error'], {
    settlesAtFirstFailure: true,
  }),
  wrongHedge('numbers the errors as they come', ['all have failed'], { keepsOrderOfFailing: true }),
  wrongHedge('does not end when there is nobody to ask', ['no replica'], { endlessOfNobody: true }),
  wrongHedge('takes any number for a replica or a delay', ['wrong input'], { checksNothing: true }),
]
