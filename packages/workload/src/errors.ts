/** What can go wrong behind a `Port` when something is read. */
export type PortError = DatabaseError | UnknownSkuError | HttpError

/** The database could not be reached, or could not answer. */
export class DatabaseError extends Error {
  readonly _tag = 'DatabaseError'
  override readonly name = 'DatabaseError'
  /** Five characters of SQLSTATE, or the code of a system error such as `ECONNREFUSED`. */
  readonly code: string | undefined

  constructor(message: string, options?: ErrorOptions & { readonly code?: string | undefined }) {
    super(message, options)
    this.code = options?.code
  }
}

/** The database answered, and there is no such product. */
export class UnknownSkuError extends Error {
  readonly _tag = 'UnknownSkuError'
  override readonly name = 'UnknownSkuError'
  readonly sku: string

  constructor(sku: string) {
    super(`there is no product ${JSON.stringify(sku)}`)
    this.sku = sku
  }
}

/** The product is there, but not as many units of it as were asked for. */
export class OutOfStockError extends Error {
  readonly _tag = 'OutOfStockError'
  override readonly name = 'OutOfStockError'
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
export class HttpError extends Error {
  readonly _tag = 'HttpError'
  override readonly name = 'HttpError'
  /** The status of the answer, 100 to 599; `undefined` when there was none. */
  readonly status: number | undefined
  /** The code of a system or client error, such as `ECONNREFUSED`; `undefined` when there was an answer. */
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
  }
}

/** What was downloaded is no page with a picture, or no picture that can be read. */
export class PictureError extends Error {
  readonly _tag = 'PictureError'
  override readonly name = 'PictureError'
}

/** The worker threads could not do their work, whatever it was. */
export class WorkerError extends Error {
  readonly _tag = 'WorkerError'
  override readonly name = 'WorkerError'
}

/** A connection to a client has broken. */
export class SocketError extends Error {
  readonly _tag = 'SocketError'
  override readonly name = 'SocketError'
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
export class TimeoutError extends Error {
  readonly _tag = 'TimeoutError'
  override readonly name = 'TimeoutError'
  readonly ms: number

  constructor(ms: number) {
    super(`not answered within ${ms} ms`)
    this.ms = ms
  }
}

/** What was asked has been closed: it starts nothing any more, or has stopped what it had started. */
export class ClosedError extends Error {
  readonly _tag = 'ClosedError'
  override readonly name = 'ClosedError'

  constructor() {
    super('it has been closed')
  }
}

/** Its reader was so far behind that a message would have been lost. */
export class OverflowError extends Error {
  readonly _tag = 'OverflowError'
  override readonly name = 'OverflowError'
  /** How many unread messages there is room for. */
  readonly capacity: number

  constructor(capacity: number) {
    super(`the reader is more than ${capacity} messages behind`)
    this.capacity = capacity
  }
}

/** As many are waiting as may wait. */
export class OverloadedError extends Error {
  readonly _tag = 'OverloadedError'
  override readonly name = 'OverloadedError'
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
