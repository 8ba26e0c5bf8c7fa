/**
 * Errors as the client sees them: problem details (RFC 9457).
 *
 * A problem tells what was wrong with the request, or which service behind failed; never a stack, SQL,
 * a path or an address. What it does not tell is in the log, when it is a defect.
 *
 * Source: https://www.rfc-editor.org/rfc/rfc9457
 */
import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import {
  DatabaseError,
  HttpError,
  OutOfStockError,
  OverloadedError,
  OverflowError,
  PictureError,
  SocketError,
  TimeoutError,
  UnknownSkuError,
  errorKinds,
  kindOf,
} from '@overlap/workload'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { AbortedError, ClientLeftError } from './runs.ts'

/** One thing that is wrong with the request. */
export interface FieldError {
  readonly field: string
  readonly expected: string
  /** `null`: it was missing. */
  readonly received: string | null
}

const RECEIVED_LENGTH = 64

interface ProblemOptions extends ErrorOptions {
  readonly errors?: readonly FieldError[]
  readonly headers?: Readonly<Record<string, string>>
}

export class Problem extends Error {
  readonly status: number
  readonly errors: readonly FieldError[]
  readonly headers: Readonly<Record<string, string>>

  constructor(status: number, detail: string, options: ProblemOptions = {}) {
    super(detail, options)
    this.status = status
    this.errors = options.errors ?? []
    this.headers = options.headers ?? {}
  }
}

/** Status 400. The detail is made from `errors`, so that it can be read alone. */
export function invalid(errors: readonly FieldError[]): Problem {
  return new Problem(400, detailOfFields(errors), { errors })
}

const detailOfFields = (errors: readonly FieldError[]) =>
  errors.map(({ field, expected }) => `${field || '""'}: expected ${expected}.`).join(' ')

/** In seconds. */
const RETRY_AFTER = { 'retry-after': '5' }

/** Status 503, with when to try again. */
export function unavailable(detail: string): Problem {
  return new Problem(503, detail, { headers: RETRY_AFTER })
}

/** Status 405. `allowed`: the methods that are, with commas between them. */
export function notAllowed(method: string, allowed: string): Problem {
  return new Problem(405, `${method} is not allowed here, only ${allowed}.`, { headers: { allow: allowed } })
}

const CLOSING: Told = {
  detail: 'The server is closing.',
  headers: { ...RETRY_AFTER, connection: 'close' },
}

export function closing(): Problem {
  return new Problem(errorKinds.closed.status, CLOSING.detail, CLOSING)
}

export function overloaded(): Problem {
  const detail = 'As many runs are under way as the server can serve in time.'
  return new Problem(errorKinds.overload.status, detail, { headers: { 'retry-after': '1' } })
}

/** What a client is told of an error that is not the status of an answer, because that has begun. */
export function problemOf(error: unknown): { readonly detail: string } {
  return bodyOf(toProblem(error))
}

function bodyOf({ status, message: detail, errors }: Problem) {
  return {
    type: 'about:blank',
    title: STATUS_CODES[status] ?? 'Error',
    status,
    detail,
    errors: errors.length > 0 ? errors.map(cut) : undefined,
  }
}

/** The head and the body of the answer. */
export function formatProblem(problem: Problem) {
  // As bytes, because Fastify adds a charset to a string's type, and this type has no such parameter.
  const body = Buffer.from(JSON.stringify(bodyOf(problem)))
  const head = {
    'content-type': 'application/problem+json',
    'content-length': body.length,
    'x-content-type-options': 'nosniff',
    ...problem.headers,
  }
  return { head, body }
}

function sendProblem(problem: Problem, reply: FastifyReply): void {
  const { head, body } = formatProblem(problem)
  void reply.code(problem.status).headers(head).send(body)
}

/** For a request that never came to be one of Fastify's: it is answered on its connection, which ends with that. */
export function answerOnSocket(socket: Duplex, error: unknown): void {
  const problem = toProblem(error)
  const { head, body } = formatProblem(problem)
  const lines = Object.entries({ connection: 'close', ...head }).map(([name, value]) => `${name}: ${value}`)
  socket.write(
    [`HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? ''}`, ...lines, '\r\n'].join('\r\n'),
  )
  socket.end(body)
}

/** The one error handler: whatever was thrown, at any stage, leaves as a problem. */
export function handleError(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  logDefect(request.log, error)
  sendProblem(toProblem(error), reply)
}

interface DefectLog {
  error(what: object, message: string): void
}

/** Tells the log what the client is not told. All that is no defect is for the client alone. */
export function logDefect(log: DefectLog, error: unknown): void {
  if (toProblem(error).status === 500 && !(error instanceof ClientLeftError))
    log.error({ err: error }, 'a defect')
}

function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error
  if (isFastifyError(error)) return fromFastify(error)
  const told = describe(error)
  return new Problem(errorKinds[kindOf(error)].status, told.detail, told)
}

/** What a client is told besides the status, which follows from the error's kind alone. */
interface Told extends ProblemOptions {
  readonly detail: string
}

function describe(error: unknown): Told {
  // All replicas have failed: the first says why.
  if (error instanceof AggregateError) return describe(error.errors[0])
  if (error instanceof UnknownSkuError) {
    const errors = [{ field: 'sku', expected: 'a product that the database knows', received: error.sku }]
    return { detail: detailOfFields(errors), errors }
  }
  if (error instanceof OutOfStockError)
    return {
      detail: `There are only ${error.onHand} units of the product.`,
      errors: [{ field: 'units', expected: `at most ${error.onHand}`, received: String(error.units) }],
    }
  if (error instanceof TimeoutError)
    return { detail: `Not answered within ${error.ms} ms, as the request has asked.` }
  if (error instanceof AbortedError)
    return { detail: `Aborted after ${error.ms} ms, as the request has asked.` }
  if (error instanceof DatabaseError) return behind('database', error)
  if (error instanceof HttpError) return behind('reservation service', error)
  if (error instanceof SocketError) return behind('connection to be echoed', error)
  if (error instanceof PictureError) return { detail: 'What was downloaded is not a picture.' }
  if (error instanceof OverflowError)
    return {
      detail: `More than ${error.capacity} messages had not been read. Come back, and read faster.`,
      headers: RETRY_AFTER,
    }
  if (error instanceof OverloadedError)
    return { detail: 'As many requests wait for their turn as may wait.', headers: { 'retry-after': '1' } }
  if (kindOf(error) === 'closed') return CLOSING
  return { detail: 'The server has a defect.' }
}

/** What stands behind the server has failed. A code or a status says how, if it says no more than that. */
function behind(service: string, error: DatabaseError | HttpError | SocketError): Told {
  const status = error instanceof HttpError && error.status !== 200 ? error.status : undefined
  const reason = status === undefined ? (error.code ?? '') : `status ${status}`
  const shown = /^[\w ]{1,64}$/.test(reason) ? ` (${reason})` : ''
  return error.kind === 'late'
    ? { detail: `The ${service} did not answer in time${shown}.` }
    : { detail: `The ${service} could not be reached, or failed${shown}.` }
}

/** That Fastify has found something wrong with the request. A defect may have a `statusCode` too. */
const isFastifyError = (error: unknown): error is FastifyError =>
  error instanceof Error &&
  'code' in error &&
  String(error.code).startsWith('FST_') &&
  'statusCode' in error &&
  typeof error.statusCode === 'number' &&
  error.statusCode < 500

const detailOf: ReadonlyMap<number, string> = new Map([
  [413, 'The body is too large: expected at most 16384 bytes.'],
  [414, 'The URL is too long: expected at most 4096 characters.'],
  [415, 'The content type is wrong: expected application/json in UTF-8, not compressed.'],
])

/** Fastify's own messages quote the request, so only its status is taken over. */
function fromFastify(error: FastifyError): Problem {
  const status = error.statusCode ?? 400
  if (error.validation) return invalid(error.validation.map(toFieldError))
  if (error.code === 'FST_ERR_BAD_URL')
    return invalid([{ field: 'URL', expected: 'a path whose percent signs encode UTF-8', received: null }])
  const detail = detailOf.get(status)
  if (detail) return new Problem(status, detail)
  return invalid([{ field: 'body', expected: 'JSON, without __proto__ and constructor', received: null }])
}

type ValidationError = NonNullable<FastifyError['validation']>[number] & { data?: unknown }

/** What Ajv found wrong with a body, in our words. */
function toFieldError({ keyword, params, instancePath, data }: ValidationError): FieldError {
  const field = instancePath.slice(1) || 'body'
  switch (keyword) {
    case 'required':
      return { field: String(params['missingProperty']), expected: 'a value', received: null }
    case 'additionalProperties':
      return unknownMember(String(params['additionalProperty']), data)
    case 'enum':
      return {
        field,
        expected: `one of ${[params['allowedValues']].flat().join(', ')}`,
        received: toText(data),
      }
    default:
      return { field, expected: `the type ${String(params['type'])}`, received: toText(data) }
  }
}

function unknownMember(field: string, body: unknown): FieldError {
  const member = Object.entries(Object(body)).find(([name]) => name === field)
  return { field, expected: 'no such member', received: toText(member?.[1]) }
}

/** An object is named, not shown: writing one out that is nested deeply enough overflows the stack. */
export function toText(value: unknown): string {
  if (Array.isArray(value)) return 'an array'
  return typeof value === 'object' && value !== null ? 'an object' : String(value)
}

/** What was received is somebody else's text: long enough to recognise it, and no longer. */
const cut = (error: FieldError): FieldError => ({
  field: error.field.slice(0, RECEIVED_LENGTH),
  expected: error.expected,
  received: error.received?.slice(0, RECEIVED_LENGTH) ?? null,
})
