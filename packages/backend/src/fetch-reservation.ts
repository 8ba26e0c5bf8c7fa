/**
 * Fetches one product's reservation with one GET. Cancelling it closes the socket, in every phase.
 *
 * Only 200 with a reservation of that very product is an answer. Redirects are not followed, and
 * nothing is tried again: how often to call is the style's business.
 */
import { HttpError, type Call, type Done, type Reservation, type Sku } from '@overlap/workload'
import type { Observe } from './calls.ts'
import { HttpExchange, type Asker } from './http-exchange.ts'
import type { HttpLines } from './http-lines.ts'

/**
 * `basePath`: what stands before `/reservations`, without a slash at its end.
 * `httpMs`: how long the service is asked to take, 0 to 10,000 ms.
 */
export function createFetchReservation(
  lines: HttpLines,
  basePath: string,
  httpMs: number,
  observe: Observe | undefined,
): Call<Sku, Reservation, HttpError> {
  const query = httpMs === 0 ? '' : `?delayMs=${httpMs}`
  return (sku, done) => {
    const call = new ReservationCall(sku, done, observe)
    observe?.('fetchReservation', 'started')
    if (lines.closed) call.failLater(new HttpError('the port is closed'))
    // A lone surrogate has no form in a URL.
    else if (!sku.isWellFormed()) call.failLater(new HttpError('the sku is not text'))
    else call.start(lines, `${basePath}/reservations/${encodeURIComponent(sku)}${query}`)
    return () => call.cancel()
  }
}

class ReservationCall implements Asker {
  readonly #sku: Sku
  readonly #observe: Observe | undefined
  /** `null` once the call has been answered or cancelled. */
  #done: Done<Reservation, HttpError> | null
  #exchange: HttpExchange | null = null

  constructor(sku: Sku, done: Done<Reservation, HttpError>, observe: Observe | undefined) {
    this.#sku = sku
    this.#done = done
    this.#observe = observe
  }

  start(lines: HttpLines, path: string): void {
    this.#exchange = new HttpExchange(lines, this)
    this.#exchange.start(path)
  }

  failLater(error: HttpError): void {
    process.nextTick(() => this.failed(error))
  }

  cancel(): void {
    if (this.#done === null) return
    this.#done = null
    this.#observe?.('fetchReservation', 'cancelled')
    if (this.#exchange) this.#exchange.cancel()
    else this.stopped()
  }

  sent(): void {
    this.#observe?.('fetchReservation', 'sent')
  }

  answered(status: number, body: string): void {
    const reservation = readReservation(this.#sku, status, body)
    if (reservation instanceof HttpError) {
      this.failed(reservation)
      return
    }
    const done = this.#done
    this.#done = null
    this.#observe?.('fetchReservation', 'succeeded')
    done?.(null, reservation)
  }

  failed(error: HttpError): void {
    const done = this.#done
    if (done === null) return
    this.#done = null
    this.#observe?.('fetchReservation', 'failed')
    done(error)
  }

  stopped(): void {
    this.#observe?.('fetchReservation', 'stopped')
  }
}

function readReservation(asked: Sku, status: number, body: string): Reservation | HttpError {
  if (status !== 200)
    return new HttpError(`the reservation service answered with status ${status}`, { status })
  const answer = parse(body)
  if (typeof answer !== 'object' || answer === null || !('sku' in answer) || !('reserved' in answer))
    return new HttpError('the reservation service answered with something else than a reservation', {
      status,
    })
  const { sku, reserved } = answer
  if (sku !== asked) return new HttpError('the reservation service answered for another product', { status })
  if (typeof reserved !== 'number' || !Number.isSafeInteger(reserved) || reserved < 0)
    return new HttpError('the reservation service answered with a reservation that is not a count', {
      status,
    })
  return { sku: asked, reserved }
}

/** `undefined`, which no JSON means, when it is not JSON. */
function parse(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}
