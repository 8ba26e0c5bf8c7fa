/**
 * The parameters of a run, each a field of the address. The server has the same table, and checks what it is sent; what
 * they are when nobody says anything depends on the scenario, so an empty field is one that nobody has touched.
 */
import type { ScenarioName } from '@overlap/workload'
import { type Field, field, integer, integerOrNever, oneOf, text } from './address.ts'

export interface Parameter {
  readonly label: string
  readonly unit: 'ms' | ''
  /** A number's range; `undefined`: it is no number. */
  readonly range: readonly [least: number, most: number] | undefined
  readonly field: Field<string>
}

export const DELAY_LIMIT_MS = 10_000

const words = (name: string, label: string): Parameter => ({
  label,
  unit: '',
  range: undefined,
  field: field(name, text, ''),
})
const number = (
  name: string,
  label: string,
  least: number,
  most: number,
  unit: Parameter['unit'] = '',
): Parameter => ({ label, unit, range: [least, most], field: field(name, text, '') })
const count = (name: string, label: string, least = 1) => number(name, label, least, 100)
const duration = (name: string, label: string, least = 0) => number(name, label, least, DELAY_LIMIT_MS, 'ms')

/** What some scenarios take besides what all of them do. */
export const parameters = {
  sku: words('sku', 'Product'),
  skus: words('skus', 'Products'),
  ms: duration('ms', 'Gives up after', 1),
  attempts: count('attempts', 'Attempts'),
  baseMs: duration('baseMs', 'First wait, at most'),
  capMs: duration('capMs', 'Any wait, at most'),
  failures: count('failures', 'First answers that are 503', 0),
  replicaMs: words('replicaMs', 'Replicas take (ms)'),
  delayMs: duration('delayMs', 'Next one asked after', 1),
  units: count('units', 'Units'),
  limit: count('limit', 'At a time'),
  everyMs: duration('everyMs', 'A new one every'),
  pages: words('pages', 'Pages'),
  widths: words('widths', 'Widths (pixels)'),
  windowMs: duration('windowMs', 'Gathers for', 1),
  max: count('max', 'In one query, at most'),
  channels: words('channels', 'Channels'),
  capacity: count('capacity', 'Unread, at most'),
  // `keys` turns the page's own keys off.
  keys: words('requests', 'Keys, one for each request'),
  urgencies: words('urgencies', 'Urgencies'),
  perSecond: count('perSecond', 'Starts per second (0: any)', 0),
  queue: count('queue', 'May wait', 0),
  agingMs: duration('agingMs', 'Aging'),
  closeMs: duration('closeMs', 'Closed after'),
  graceMs: duration('graceMs', 'Grace'),
  bytes: number('bytes', 'Bytes', 1, 64 * 2 ** 20),
  pauseMs: duration('pauseMs', 'Client pauses for'),
} as const satisfies Readonly<Record<string, Parameter>>

export type ParameterName = keyof typeof parameters

const one = { sku: 'A-42' }
const four = { skus: 'A-1,A-2,A-3,A-4' }

/** Of each scenario: its parameters, and what they are at first. */
const taken: Readonly<Record<ScenarioName, Readonly<Partial<Record<ParameterName, string>>>>> = {
  sequence: one,
  combine: one,
  timeout: { ...one, ms: '1000' },
  retry: { ...one, attempts: '3', baseMs: '100', capMs: '1000', failures: '2' },
  race: { ...one, replicaMs: '900,300,600', failures: '0' },
  hedge: { ...one, replicaMs: '900,300,600', delayMs: '100', failures: '0' },
  transaction: { sku: 'T-100', units: '1', failures: '0' },
  limit: { skus: 'A-1,A-2,A-3,A-4,A-5,A-6', limit: '3' },
  stream: { ...four, limit: '3' },
  latest: { ...four, everyMs: '100' },
  batch: { ...one, windowMs: '10', max: '100' },
  thumbnails: { pages: 'P-1,P-2,P-3', widths: '100,200', limit: '2' },
  subscribe: { channels: 'news', capacity: '100' },
  regulate: {
    ...one,
    keys: 'bar,bar,bar,bar,baz',
    urgencies: '3',
    limit: '2',
    perSecond: '0',
    queue: '100',
    agingMs: '1000',
  },
  shutdown: { ...four, closeMs: '100', graceMs: '200' },
  echo: { bytes: '262144', pauseMs: '200' },
}

/** What every scenario takes. */
export const dbMsField = field('dbMs', integer(0, DELAY_LIMIT_MS), 300)
export const httpMsField = field('httpMs', integer(0, DELAY_LIMIT_MS), 300)
export const dbFaultField = field('dbFault', oneOf('none', 'fail'), 'none')
export const httpFaultField = field('httpFault', oneOf('none', 'fail'), 'none')
/** 0: never. */
export const abortMsField = field('abortMs', integerOrNever(DELAY_LIMIT_MS), 0)

/** The names are those of the scenario's own parameters, in their order. */
export function ownParameters(scenario: ScenarioName): [ParameterName, string][] {
  // A cast, because a key of `taken` is a name of a parameter.
  return Object.entries(taken[scenario]).map(([name, fallback]) => [name as ParameterName, fallback])
}

/** The query of the run that the fields describe, but for its style. Without what the server would assume anyway. */
export function runQuery(scenario: ScenarioName): URLSearchParams {
  const query = new URLSearchParams()
  for (const [name, fallback] of ownParameters(scenario))
    query.set(name, parameters[name].field.value || fallback)
  query.set('dbMs', String(dbMsField.value))
  query.set('httpMs', String(httpMsField.value))
  if (dbFaultField.value !== 'none') query.set('dbFault', dbFaultField.value)
  if (httpFaultField.value !== 'none') query.set('httpFault', httpFaultField.value)
  if (abortMsField.value > 0) query.set('abortMs', String(abortMsField.value))
  return query
}
