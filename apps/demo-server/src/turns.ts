/** `regulate` for one request: several requests at the same time, each of a key, and when each of them ran. */
import type {
  Call,
  Port,
  RegulateInput,
  Regulated,
  Regulator,
  Reservation,
  Sku,
  Style,
} from '@overlap/workload'
import { OverloadedError } from '@overlap/workload'

interface TurnsInput extends RegulateInput {
  /** Asked for by every request. */
  readonly sku: Sku
  readonly keys: readonly string[]
  /** The last of them holds for all that follow. */
  readonly urgencies: readonly number[]
}

/** Milliseconds since the first was asked for, to one decimal. */
interface Turn extends Regulated {
  readonly startedMs?: number
  readonly endedMs?: number
  /** It was never started. */
  readonly error?: { readonly name: string; readonly message: string }
}

/** Rejects with the first failure, and cancels the others. One that is turned away is no failure. */
export async function takeTurns(
  style: Style,
  port: Port,
  { sku, keys, urgencies, ...input }: TurnsInput,
  signal: AbortSignal,
): Promise<readonly Turn[]> {
  const regulator = style.regulate(input)
  const failed = new AbortController()
  const either = AbortSignal.any([signal, failed.signal])
  const ask: Call<void, Reservation> = (_, done) => port.fetchReservation(sku, done)
  const began = performance.now()
  const elapsedMs = () => Math.round((performance.now() - began) * 10) / 10
  const turns = keys.map((key, n) => {
    const urgency = urgencies[n] ?? urgencies.at(-1) ?? 0
    return takeTurn(regulator, { key, urgency }, ask, elapsedMs, either)
  })
  try {
    return await Promise.all(turns)
  } finally {
    failed.abort()
  }
}

async function takeTurn(
  regulator: Regulator,
  request: Regulated,
  work: Call<void, unknown>,
  elapsedMs: () => number,
  signal: AbortSignal,
): Promise<Turn> {
  let [startedMs, endedMs] = [NaN, NaN]
  const timed: typeof work = (input, done) => {
    startedMs = elapsedMs()
    return work(input, (...result) => {
      endedMs = elapsedMs()
      done(...result)
    })
  }
  try {
    await regulator.through(request, timed, signal)
    return { ...request, startedMs, endedMs }
  } catch (error) {
    if (!(error instanceof OverloadedError)) throw error
    return { ...request, error: { name: error.name, message: error.message } }
  }
}
