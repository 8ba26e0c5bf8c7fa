import { expect, test } from 'vitest'
import {
  ClosedError,
  DatabaseError,
  HttpError,
  OutOfStockError,
  OverflowError,
  OverloadedError,
  PictureError,
  SocketError,
  TimeoutError,
  UnknownSkuError,
  WorkerError,
  allFailed,
  errorKinds,
  kindOf,
} from '../src/index.ts'

test.for([
  [new UnknownSkuError('A-42'), 'mistake'],
  [new OutOfStockError('A-42', 2, 1), 'refusal'],
  [new PictureError('it is damaged'), 'permanent'],
  [new SocketError('reset', { code: 'ECONNRESET' }), 'permanent'],
  [new TimeoutError(100), 'deadline'],
  [new OverflowError(10), 'overload'],
  [new OverloadedError('bar'), 'overload'],
  [new ClosedError(), 'closed'],
  [new WorkerError('a thread has died'), 'defect'],
  [new TypeError('a bug'), 'defect'],
  [null, 'defect'],
] as const)('%o is of the kind %s', ([error, kind]) => {
  expect(kindOf(error)).toBe(kind)
})

test.for(['08000', '08003', '08006', '08P01', '40001', '40P01', '53300', '57P01', '57P02', '57P03', '57P05'])(
  'the SQLSTATE %s may pass',
  (code) => {
    expect(kindOf(new DatabaseError('gone', { code }))).toBe('transient')
  },
)

test.for([
  '22012',
  '22P02',
  '23505',
  '25006',
  '28000',
  '28P01',
  '3D000',
  '40002',
  '42P01',
  '53100',
  '53200',
  // Its administrator has cancelled the query, or dropped the database.
  '57014',
  '57P04',
  '58030',
  'XX000',
  '0A000',
  '',
  '0',
])('the SQLSTATE "%s" would come again', (code) => {
  expect(kindOf(new DatabaseError('refused', { code }))).toBe('permanent')
})

const Either = [DatabaseError, HttpError] as const

test.for([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EAI_AGAIN',
  'UND_ERR_SOCKET',
])('without an answer, %s may pass', (code) => {
  for (const Class of Either) expect(kindOf(new Class('lost', { code }))).toBe('transient')
})

test.for(['ETIMEDOUT', 'UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT'])(
  'without an answer, %s is late',
  (code) => {
    for (const Class of Either) expect(kindOf(new Class('silent', { code }))).toBe('late')
  },
)

test.for([
  'ENOTFOUND',
  'EACCES',
  'CERT_HAS_EXPIRED',
  'UND_ERR_INVALID_ARG',
  'UND_ERR_HEADERS_OVERFLOW',
  'HPE_INVALID_CONSTANT',
  '503',
  '',
  undefined,
])('without an answer, %s would come again', (code) => {
  for (const Class of Either) expect(kindOf(new Class('no use', { code }))).toBe('permanent')
})

test.for([429, 502, 503])('the status %d may pass', (status) => {
  expect(kindOf(new HttpError('busy', { status }))).toBe('transient')
})

test('the status 504 is late', () => {
  expect(kindOf(new HttpError('behind it', { status: 504 }))).toBe('late')
})

test.for([
  100, 200, 204, 301, 302, 307, 400, 401, 403, 404, 408, 409, 418, 422, 425, 428, 430, 500, 501, 505, 599,
])('the status %d would come again', (status) => {
  expect(kindOf(new HttpError('refused', { status }))).toBe('permanent')
})

test('an answer counts for more than the code of a socket that broke after it', () => {
  expect(kindOf(new HttpError('both', { status: 404, code: 'ECONNRESET' }))).toBe('permanent')
  expect(kindOf(new HttpError('both', { status: 503, code: 'ENOTFOUND' }))).toBe('transient')
})

test('an answer of 200 that has broken off is none', () => {
  expect(kindOf(new HttpError('cut off', { status: 200, code: 'ECONNRESET' }))).toBe('transient')
  expect(kindOf(new HttpError('too slow', { status: 200, code: 'ETIMEDOUT' }))).toBe('late')
})

test('of several errors, the first says of which kind they are', () => {
  const [busy, refused] = [new HttpError('busy', { status: 503 }), new HttpError('no', { status: 404 })]
  expect(kindOf(allFailed([busy, refused]))).toBe('transient')
  expect(kindOf(allFailed([refused, busy]))).toBe('permanent')
  expect(kindOf(allFailed([]))).toBe('defect')
})

test('two kinds are worth another attempt', () => {
  const kinds = Object.entries(errorKinds).filter(([, { retriable }]) => retriable)
  expect(kinds.map(([kind]) => kind)).toEqual(['transient', 'late'])
})
