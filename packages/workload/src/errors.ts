import { type ErrorKind, KnownError, kindOfCode, kindOfStatus } from './error-kinds.ts'

/** What can go wrong behind a `Port` when something is read. */
export type PortError = DatabaseError | UnknownSkuError | HttpError

/** The database could not be reached, or could not answer. */
export class DatabaseError extends KnownError {
  readonly _tag = 'DatabaseError'
  override readonly name = 'DatabaseError'
  /** By its code. */
  readonly kind: ErrorKind
  /** Five characters of SQLSTATE, or the code of a system error such as `ECONNREFUSED`. */
  readonly code: string | undefined

  constructor(message: string, options?: ErrorOptions & { readonly code?: string | undefined }) {
    super(message, options)
    this.code = options?.code
    this.kind = kindOfCode(this.code)
  }
}

/** The database answered, and there is no such product. */
export class UnknownSkuError extends KnownError {
  readonly _tag = 'UnknownSkuError'
  override readonly name = 'UnknownSkuError'
  readonly kind = 'mistake'
  readonly sku: string

  constructor(sku: string) {
    super(`there is no product ${JSON.stringify(sku)}`)
    this.sku = sku
  }
}

/** The product is there, but not as many units of it as were asked for. */
export class OutOfStockError extends KnownError {
  readonly _tag = 'OutOfStockError'
  override readonly name = 'OutOfStockError'
  readonly kind = 'refusal'
  readonly sku: string
  /** Units that were asked for. */
  readonly units: number
  /** Units that are there. */
  readonly onHand: number

  constructor(sku: string, units: number, onHand: number) {
    super(`of ${JSON.stringify(sku)} only ${onHand} are there, not ${units}`)
    this.sku = sku
    this.units = units
    this.onHand = onHand
  }
}

/** The reservation service could not be reached, answered with another status than 200, or not with what was asked for. */
export class HttpError extends KnownError {
  readonly _tag = 'HttpError'
  override readonly name = 'HttpError'
  /** By the status; without one, or where an answer of 200 has broken off, by the code. */
  readonly kind: ErrorKind
  /** The status of the answer, 100 to 599; `undefined` when there was none. */
  readonly status: number | undefined
  /** The code of a system or client error, such as `ECONNREFUSED`; `undefined` when there was a whole answer. */
  readonly code: string | undefined

  constructor(
    message: string,
    options?: ErrorOptions & {
      readonly status?: number | undefined
      readonly code?: string | undefined
    },
  ) {
    super(message, options)
    this.status = options?.status
    this.code = options?.code
    this.kind =
      this.status === undefined || this.status === 200 ? kindOfCode(this.code) : kindOfStatus(this.status)
  }
}

/** What was downloaded is no page with a picture, or no picture that can be read. */
export class PictureError extends KnownError {
  readonly _tag = 'PictureError'
  override readonly name = 'PictureError'
  readonly kind = 'permanent'
}

/**
 * The worker threads could not do their work, whatever it was. They are a part of this program: a picture
 * that has killed its thread would kill the next one too.
 */
export class WorkerError extends KnownError {
  readonly _tag = 'WorkerError'
  override readonly name = 'WorkerError'
  readonly kind = 'defect'
}

/** A connection to a client has broken, and will not come back. */
export class SocketError extends KnownError {
  readonly _tag = 'SocketError'
  override readonly name = 'SocketError'
  readonly kind = 'permanent'
  /** The code of a system error, such as `ECONNRESET`. */
  readonly code: string | undefined

  constructor(message: string, options?: ErrorOptions & { readonly code?: string | undefined }) {
    super(message, options)
    this.code = options?.code
  }
}

/** Whether it is the page's own fault, or that of its download: then the other pages are none the worse. */
export function isPageError(error: unknown): error is HttpError | PictureError {
  return error instanceof HttpError || error instanceof PictureError
}

/** The time that was given is over. */
export class TimeoutError extends KnownError {
  readonly _tag = 'TimeoutError'
  override readonly name = 'TimeoutError'
  readonly kind = 'deadline'
  readonly ms: number

  constructor(ms: number) {
    super(`not answered within ${ms} ms`)
    this.ms = ms
  }
}

/** What was asked has been closed: it starts nothing any more, or has stopped what it had started. */
export class ClosedError extends KnownError {
  readonly _tag = 'ClosedError'
  override readonly name = 'ClosedError'
  readonly kind = 'closed'

  constructor() {
    super('it has been closed')
  }
}

/** Its reader was so far behind that a message would have been lost. */
export class OverflowError extends KnownError {
  readonly _tag = 'OverflowError'
  override readonly name = 'OverflowError'
  readonly kind = 'overload'
  /** How many unread messages there is room for. */
  readonly capacity: number

  constructor(capacity: number) {
    super(`the reader is more than ${capacity} messages behind`)
    this.capacity = capacity
  }
}

/** As many are waiting as may wait. */
export class OverloadedError extends KnownError {
  readonly _tag = 'OverloadedError'
  override readonly name = 'OverloadedError'
  readonly kind = 'overload'
  /** Whose queue is full. */
  readonly key: string

  constructor(key: string) {
    super(`too many wait for ${JSON.stringify(key)}`)
    this.key = key
  }
}

/** What every replica has failed with, in the order of the replicas. Of no replica, it is empty. */
export function allFailed(errors: readonly Error[]): AggregateError {
  return new AggregateError(errors, `none of ${errors.length} replicas has answered`)
}
