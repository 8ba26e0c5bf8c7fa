/** What can go wrong behind a `Port`. */
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

/** The reservation service could not be reached, answered with another status than 200, or not with a reservation. */
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
